-- Social aid, Amen Social (Ministry of Social Affairs). Score and disability never leave this database.
CREATE TABLE household (
    social_id   text PRIMARY KEY CHECK (social_id ~ '^[0-9]{10}$'),
    head        text NOT NULL CHECK (head ~ '^[0-9]{11}$'),
    status      text NOT NULL CHECK (status IN ('active', 'suspended', 'expired')),
    valid_until date NOT NULL,
    score       integer NOT NULL,
    disability  boolean NOT NULL
);

-- The adapter's role cannot even read score and disability; PostgreSQL's log says no data of it.
CREATE ROLE wasl_social LOGIN;
ALTER ROLE wasl_social SET log_parameter_max_length = 0;
ALTER ROLE wasl_social SET log_parameter_max_length_on_error = 0;
ALTER ROLE wasl_social SET log_error_verbosity = terse;
GRANT SELECT (social_id, status, valid_until) ON household TO wasl_social;
