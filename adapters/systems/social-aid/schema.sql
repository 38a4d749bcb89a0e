-- Social aid, Amen Social (Ministry of Social Affairs). Score and disability never leave this database.
CREATE TABLE household (
    social_id   text PRIMARY KEY CHECK (social_id ~ '^[0-9]{10}$'),
    head        text NOT NULL CHECK (head ~ '^[0-9]{11}$'),
    status      text NOT NULL CHECK (status IN ('active', 'suspended', 'expired')),
    valid_until date NOT NULL,
    score       integer NOT NULL,
    disability  boolean NOT NULL
);
