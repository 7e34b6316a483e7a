-- What an application keeps its events in when all it has is PostgreSQL: one global order, streams with
-- versions, an id that is there once, and a function that appends where the version is the one expected.
-- No lock keeps the global order free of gaps for readers, which makes it faster than it would be in use.
DROP TABLE IF EXISTS event;
CREATE TABLE event (
    global_position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream          text        NOT NULL,
    version         bigint      NOT NULL,
    id              uuid        NOT NULL UNIQUE,
    type            text        NOT NULL,
    data            jsonb       NOT NULL,
    recorded        timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (stream, version)
);

-- Append one event to a stream that has `expected` events; its global position comes back.
CREATE OR REPLACE FUNCTION append_event(new_id uuid, new_stream text, new_type text, new_data jsonb, expected bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
    given bigint;
BEGIN
    SELECT version INTO found FROM event WHERE stream = new_stream ORDER BY version DESC LIMIT 1;
    IF coalesce(found, 0) <> expected THEN
        RAISE EXCEPTION 'stream % has % events, not %', new_stream, coalesce(found, 0), expected;
    END IF;
    INSERT INTO event (stream, version, id, type, data)
    VALUES (new_stream, expected + 1, new_id, new_type, new_data)
    RETURNING global_position INTO given;
    RETURN given;
END $$;
