"""The training report: pictures, tables and figures of the recipes and of one net."""
