-- Additive
-- How transactions ended, so that whoever loses the answer to COMMIT can ask. A transaction writes 'committed' with its changes;
-- whoever asks writes 'given_up' under the same key, so that exactly one of the two stands. Rows are kept for minutes.
CREATE TABLE transaction_outcome (
  begun_at_ms BIGINT NOT NULL,
  token       UUID NOT NULL,
  outcome     TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('committed', 'given_up')),
  PRIMARY KEY (begun_at_ms, token)
);
