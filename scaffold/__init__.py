"""Make the folders of a new model from a template: python -m scaffold shapes --template image.

A template mirrors the repository. It is real code of a model that is called new_model, which linters and type checkers
read as such; a new model gets it with its own name.
"""
