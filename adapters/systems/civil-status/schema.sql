-- Civil status and citizen identifier (Ministry of the Interior).
CREATE TABLE person (
    iuc         text PRIMARY KEY CHECK (iuc ~ '^[0-9]{11}$'),
    cin         text CHECK (cin ~ '^([0-9]{8})?$'),
    sex         text NOT NULL CHECK (sex IN ('F', 'M')),
    given_ar    text NOT NULL,
    family_ar   text NOT NULL,
    given_fr    text NOT NULL,
    family_fr   text NOT NULL,
    born        date NOT NULL,
    died        date,
    governorate text NOT NULL,              -- ISO 3166-2:TN, with its prefix: never a bare number
    father      text REFERENCES person DEFERRABLE INITIALLY DEFERRED,
    mother      text REFERENCES person DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE attestation (
    exchange_id text PRIMARY KEY,           -- idempotency key: the bus hands a request over at least once
    iuc         text NOT NULL REFERENCES person,
    issued_to   text NOT NULL,
    issued_at   timestamptz NOT NULL DEFAULT now()
);

-- What the adapter's role may do, and what PostgreSQL's log may not say of it (adapters/connectors/README.md).
CREATE ROLE wasl_civil LOGIN;
ALTER ROLE wasl_civil SET log_parameter_max_length = 0;
ALTER ROLE wasl_civil SET log_parameter_max_length_on_error = 0;
ALTER ROLE wasl_civil SET log_error_verbosity = terse;
GRANT SELECT ON person TO wasl_civil;
GRANT SELECT, INSERT ON attestation TO wasl_civil;
