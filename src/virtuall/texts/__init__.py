"""The readers of texts: equations, formulas, values and tables, with the place of every word."""
