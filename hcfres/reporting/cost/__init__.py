"""reports/cost.md: what a method costs, each number with its definition and what measured it."""
