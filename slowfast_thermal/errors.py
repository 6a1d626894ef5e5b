"""The errors that a user can cause and mend."""


class InputError(Exception):
    """Something the user gave is wrong: a file, a record in it, or a setting.

    The message is one sentence that names what is wrong, where, and the remedy.
    """
