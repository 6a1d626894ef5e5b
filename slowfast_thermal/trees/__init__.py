"""Trees on simple features of a person: seconds to fit, and the better choice below a few hundred labels.

Features and trees are numpy alone, so that a sensor's own computer can use them.
"""
