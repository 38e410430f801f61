/// The tables of a cluster, as `podium cluster init` makes them, once per database.
///
/// Later versions come as numbered steps behind the first one; a program refuses a store whose version it does not know.
public enum ClusterSchema {
    /// Of tables and protocol.
    public static let version = 1

    /// The identity that stands for what is no endpoint's.
    static let commonIdentity = "00000000-0000-0000-0000-000000000000"

    static let statements = """
        CREATE SCHEMA IF NOT EXISTS podium;

        CREATE TABLE IF NOT EXISTS podium.cluster (
            name        text PRIMARY KEY,
            incarnation uuid NOT NULL,      -- made at the founding: another one under the same name is another cluster
            version     integer NOT NULL,   -- of schema and protocol
            founded     timestamptz NOT NULL DEFAULT clock_timestamp()
        );

        -- What operators did, in one order. Appended to, never changed.
        CREATE TABLE IF NOT EXISTS podium.edit (
            cluster  text NOT NULL REFERENCES podium.cluster ON DELETE CASCADE,
            revision bigint NOT NULL,
            nonce    uuid NOT NULL,         -- new for each attempt: stands for this entry and all before it
            id       uuid NOT NULL,         -- of the edit: the same however often it is offered
            actor    text NOT NULL,
            instance text NOT NULL,
            at       timestamptz NOT NULL DEFAULT clock_timestamp(),
            body     jsonb NOT NULL,        -- the edit, and what became of its changes
            PRIMARY KEY (cluster, revision),
            UNIQUE (cluster, id),
            UNIQUE (cluster, nonce)
        );

        -- What follows from the log, for instances that join and for people with a SQL prompt.
        CREATE TABLE IF NOT EXISTS podium.endpoint (
            cluster  text NOT NULL REFERENCES podium.cluster ON DELETE CASCADE,
            uid      uuid NOT NULL,         -- the zero UUID holds what is no endpoint's
            name     text NOT NULL,
            revision bigint NOT NULL,       -- of the last edit of it
            settings jsonb NOT NULL,
            PRIMARY KEY (cluster, uid),
            UNIQUE (cluster, name) DEFERRABLE INITIALLY DEFERRED
        );

        -- What was observed: facts, inserted once, never changed.
        CREATE TABLE IF NOT EXISTS podium.timeout (
            cluster  text NOT NULL REFERENCES podium.cluster ON DELETE CASCADE,
            id       uuid NOT NULL,
            endpoint uuid NOT NULL,
            model    text NOT NULL DEFAULT '',  -- empty: the whole endpoint
            until    timestamptz NOT NULL,
            cause    text NOT NULL,             -- a word, the status, and the operator's rule if there is one
            instance text NOT NULL,
            observed timestamptz NOT NULL DEFAULT clock_timestamp(),
            knows    text[] NOT NULL DEFAULT '{}',  -- the clears that the observer knew of
            PRIMARY KEY (cluster, id)
        );
        CREATE INDEX IF NOT EXISTS timeout_until ON podium.timeout (cluster, until);
        CREATE INDEX IF NOT EXISTS timeout_observed ON podium.timeout (cluster, observed);

        CREATE TABLE IF NOT EXISTS podium.instance (
            cluster  text NOT NULL REFERENCES podium.cluster ON DELETE CASCADE,
            id       uuid NOT NULL,         -- the host's, kept beside its configuration
            boot     uuid NOT NULL,         -- this start of it
            name     text NOT NULL,
            address  text NOT NULL,
            version  text NOT NULL,
            started  timestamptz NOT NULL,
            seen     timestamptz NOT NULL,
            revision bigint NOT NULL,       -- in force there
            saved    bigint NOT NULL,       -- in its config.yaml
            PRIMARY KEY (cluster, id)
        );
        """
}
