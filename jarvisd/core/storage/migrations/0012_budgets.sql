-- Warnings of budgets that were given, so that none is given twice.
CREATE TABLE budget_warning (
    number       INTEGER PRIMARY KEY,     -- when it was given, Unix ms; unique
    budget       TEXT    NOT NULL,
    scope        TEXT    NOT NULL,        -- when its period began, or its session
    limit_micros INTEGER NOT NULL,
    share        INTEGER,                 -- percent; NULL: a forecast
    record       TEXT    NOT NULL         -- a BudgetWarning as JSON
) STRICT;
