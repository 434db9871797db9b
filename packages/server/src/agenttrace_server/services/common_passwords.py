"""The long ones of the passwords that people choose most.

Of the 30,000 most frequent ones in the list of zxcvbn 4.5.0 (MIT licence), which is drawn from
passwords that leaked, 31 have 15 characters or more; all others are too short to be taken.
"""

from __future__ import annotations

from typing import Final

COMMON: Final = frozenset(
    """
    mailcreated5240 polniypizdec0211 123456789987654321 1qaz2wsx3edc4rfv momsanaladventure
    hd764nw5d7e1vb1 qazwsxedcrfvtgb 23176djivanfros 123456789qwerty 12345678900987654321
    qwerty123456789 polniypizdec110211 12345678987654321 q1w2e3r4t5y6u7i8 zqjphsyf6ctifgu
    lhbjkjubz2957704 1qazxsw23edcvfr4 nemvxyheqdd5oqxyxyzi 1234qwerasdfzxcv q1w2e3r4t5y6u7i8o9p0
    passwordstandard 1234567890qwerty 1234567890987654321 bpgjldsgjldthnf 1qa2ws3ed4rf5tg
    qwertyuiop12345 1234567887654321 111222333444555 122333444455555 zxcvbnm123456789
    qwertasdfgzxcvb
    """.split()  # noqa: SIM905 -- thirty in lines, not thirty lines
)
