"""Reports for people and for scripts: tables with bars, a heat map, ccusage's JSON."""
