"""Gemini CLI: lines that are appended, patched and rewound; before that, documents."""
