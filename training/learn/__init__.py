"""The scripts of docs/learn: from a tensor to a service in eight steps.

Each script runs from top to bottom and is shown on its page, cell by cell; a cell
begins with "# %%" and a name.
"""
