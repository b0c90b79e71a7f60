"""The scripts are data of test_nn_scripts.py: pytest must not import them."""

collect_ignore = ["scripts"]
