-- The lives of a store: the first begins when it is founded, each further one when it is restored from a backup.
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY,
    since INTEGER NOT NULL,
    cause TEXT NOT NULL,
    checksum BLOB NOT NULL
) STRICT;
