SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.interlock_attempt_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (EXISTS (SELECT 1 FROM job WHERE id = OLD.job_id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: records of a job go with the job. Nothing was written.'; END IF;
RETURN OLD;
END$$;
CREATE FUNCTION public.interlock_attempt_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (EXISTS (SELECT 1 FROM attempt WHERE job_id = NEW.job_id AND attempt = NEW.attempt) OR NOT EXISTS (SELECT 1 FROM job WHERE id = NEW.job_id AND attempt = NEW.attempt AND status = 'RUNNING')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: claims make attempts. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_attempt_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF ((NEW.job_id IS DISTINCT FROM OLD.job_id OR NEW.attempt IS DISTINCT FROM OLD.attempt OR NEW.worker_id IS DISTINCT FROM OLD.worker_id OR NEW.claimed_at IS DISTINCT FROM OLD.claimed_at)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: an attempt stays. Nothing was written.'; END IF;
IF (OLD.outcome IS NOT NULL) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: an ended attempt never changes. Nothing was written.'; END IF;
IF ((NEW.outcome IS DISTINCT FROM OLD.outcome OR NEW.ended_at IS DISTINCT FROM OLD.ended_at OR NEW.exit_code IS DISTINCT FROM OLD.exit_code OR NEW.exit_signal IS DISTINCT FROM OLD.exit_signal OR NEW.proof IS DISTINCT FROM OLD.proof OR NEW.error IS DISTINCT FROM OLD.error) AND EXISTS (SELECT 1 FROM job WHERE id = OLD.job_id AND attempt = OLD.attempt AND status = 'RUNNING')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: an attempt ends with its job''s event. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_history_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (EXISTS (SELECT 1 FROM job WHERE id = OLD.job_id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: records of a job go with the job. Nothing was written.'; END IF;
RETURN OLD;
END$$;
CREATE FUNCTION public.interlock_history_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM history WHERE job_id = NEW.job_id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: history is append-only. Nothing was written.'; END IF;
IF (NOT EXISTS (SELECT 1 FROM job WHERE id = NEW.job_id AND event = NEW.event AND attempt = NEW.attempt)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: history is written by the job''s own changes. Nothing was written.'; END IF;
IF (NEW.target IS DISTINCT FROM (SELECT status FROM job WHERE id = NEW.job_id) OR NEW.source IS DISTINCT FROM (SELECT target FROM history WHERE job_id = NEW.job_id ORDER BY seq DESC LIMIT 1) OR NOT (NEW.source IS NULL OR NEW.source <> NEW.target OR (NEW.event = 'request_cancel' AND EXISTS (SELECT 1 FROM job WHERE id = NEW.job_id AND cancel_requested_at IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM history WHERE job_id = NEW.job_id AND event = NEW.event)) OR (NEW.event = 'stop' AND EXISTS (SELECT 1 FROM job WHERE id = NEW.job_id AND stop_cause IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM history WHERE job_id = NEW.job_id AND event = NEW.event AND attempt = NEW.attempt)))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: history is written by the job''s own changes. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_history_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: history is append-only. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_job_claim() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (NEW.status <> OLD.status AND NEW.event = 'claim') THEN INSERT INTO attempt (job_id, attempt, worker_id, claimed_at) VALUES (NEW.id, NEW.attempt, NEW.worker_id, NEW.started_at); END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_job_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (OLD.status IN ('PENDING', 'RUNNING')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: only terminal jobs can be deleted. Nothing was written.'; END IF;
RETURN OLD;
END$$;
CREATE FUNCTION public.interlock_job_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (NEW.status <> 'PENDING' OR NEW.event <> 'submit' OR NEW.attempt <> 0 OR NEW.failures <> 0 OR NEW.losses <> 0 OR NEW.write_seq <> 0 OR NEW.kill_unconfirmed) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a job is born PENDING. Nothing was written.'; END IF;
IF (NEW.started_at IS NOT NULL OR NEW.finished_at IS NOT NULL OR NEW.worker_id IS NOT NULL OR NEW.lease_until_us IS NOT NULL OR NEW.lease_epoch IS NOT NULL OR NEW.cancel_requested_at IS NOT NULL OR NEW.cancel_requested_by IS NOT NULL OR NEW.cancel_reason IS NOT NULL OR NEW.stop_cause IS NOT NULL OR NEW.result IS NOT NULL OR NEW.error IS NOT NULL OR NEW.reason IS NOT NULL OR NEW.progress IS NOT NULL OR NEW.proof IS NOT NULL OR NEW.exit_code IS NOT NULL OR NEW.exit_signal IS NOT NULL OR NEW.write_attempt IS NOT NULL OR NEW.write_proof IS NOT NULL OR NEW.event_reason IS NOT NULL) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a new job has no past. Nothing was written.'; END IF;
IF (EXISTS (SELECT 1 FROM job WHERE id = NEW.id)) THEN RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = 'interlock: the id is taken. Nothing was written.'; END IF;
IF (EXISTS (SELECT 1 FROM history WHERE job_id = NEW.id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the id was used before. Nothing was written.'; END IF;
IF (EXISTS (SELECT 1 FROM attempt WHERE job_id = NEW.id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the id was used before. Nothing was written.'; END IF;
IF (NEW.unique_key IS NOT NULL AND EXISTS (SELECT 1 FROM job WHERE unique_key = NEW.unique_key AND status IN ('PENDING', 'RUNNING'))) THEN RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = 'interlock: the unique_key is taken. Nothing was written.'; END IF;
IF (NEW.idempotency_key IS NOT NULL AND EXISTS (SELECT 1 FROM job WHERE idempotency_key = NEW.idempotency_key)) THEN RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = 'interlock: the idempotency_key is taken. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_job_insert_log() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (TRUE) THEN INSERT INTO history (job_id, seq, event, source, target, at, actor, reason, attempt, position) VALUES (NEW.id, (SELECT coalesce(max(seq), 0) + 1 FROM history WHERE job_id = NEW.id), NEW.event, NULL, NEW.status, CASE WHEN TRUE THEN NEW.event_at ELSE clock_timestamp() END, CASE WHEN TRUE THEN NEW.actor ELSE 'sql' END, CASE WHEN TRUE THEN NEW.event_reason END, NEW.attempt, CAST(CAST(pg_current_xact_id() AS text) AS bigint)); END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_job_leave() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (NEW.status <> OLD.status AND OLD.status = 'RUNNING') THEN UPDATE attempt SET outcome = NEW.event, ended_at = NEW.event_at, exit_code = NEW.exit_code, exit_signal = NEW.exit_signal, proof = NEW.write_proof, error = NEW.error WHERE job_id = NEW.id AND attempt = OLD.attempt; END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_job_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (OLD.status IN ('CANCELED', 'FAILED', 'SUCCEEDED', 'TIMEOUT')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a terminal job never changes. Nothing was written.'; END IF;
IF ((NEW.id IS DISTINCT FROM OLD.id OR NEW.name IS DISTINCT FROM OLD.name OR NEW.params IS DISTINCT FROM OLD.params OR NEW.queue IS DISTINCT FROM OLD.queue OR NEW.priority IS DISTINCT FROM OLD.priority OR NEW.timeout_s IS DISTINCT FROM OLD.timeout_s OR NEW.grace_s IS DISTINCT FROM OLD.grace_s OR NEW.created_at IS DISTINCT FROM OLD.created_at OR NEW.expires_at IS DISTINCT FROM OLD.expires_at OR NEW.max_attempts IS DISTINCT FROM OLD.max_attempts OR NEW.retry_on_timeout IS DISTINCT FROM OLD.retry_on_timeout OR NEW.retry IS DISTINCT FROM OLD.retry OR NEW.max_losses IS DISTINCT FROM OLD.max_losses OR NEW.unique_key IS DISTINCT FROM OLD.unique_key OR NEW.idempotency_key IS DISTINCT FROM OLD.idempotency_key OR NEW.submitted_by IS DISTINCT FROM OLD.submitted_by OR NEW.metadata IS DISTINCT FROM OLD.metadata OR NEW.rerun_of IS DISTINCT FROM OLD.rerun_of OR NEW.parent_id IS DISTINCT FROM OLD.parent_id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: what was submitted never changes. Nothing was written.'; END IF;
IF (NEW.write_seq NOT IN (OLD.write_seq, OLD.write_seq + 1)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: write_seq moves by one. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NOT EXISTS (SELECT 1 FROM lifecycle AS row WHERE row.event = NEW.event AND row.source = OLD.status AND row.target = NEW.status)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: illegal transition. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event NOT IN ('cancel') AND NOT (NEW.write_seq = OLD.write_seq + 1)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a worker''s event needs the token of its attempt. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'claim' AND ((NOT EXISTS (SELECT 1 FROM queue WHERE queue.name = OLD.queue AND queue.paused)) AND (NOT EXISTS (SELECT 1 FROM job_name WHERE job_name.name = OLD.name AND job_name.max_running <= (SELECT count(*) FROM job AS peer WHERE peer.status = 'RUNNING' AND peer.name = OLD.name)))) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of claim are not met. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'succeed' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.stop_cause IS NULL) AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of succeed are not met. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'fail' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.stop_cause IS NULL) AND (OLD.cancel_requested_at IS NULL) AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of fail are not met. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'retry' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.failures + 1 < OLD.max_attempts) AND (OLD.cancel_requested_at IS NULL) AND ((OLD.stop_cause IS NULL OR (OLD.stop_cause = 'TIMEOUT' AND OLD.retry_on_timeout))) AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of retry are not met. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'time_out' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.stop_cause = 'TIMEOUT') AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of time_out are not met. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'finish_cancel' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.cancel_requested_at IS NOT NULL) AND ((OLD.stop_cause IN ('CANCEL', 'SHUTDOWN') OR (OLD.stop_cause IS NULL AND (NEW.error IS NOT NULL)))) AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of finish_cancel are not met. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'release' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.stop_cause = 'SHUTDOWN') AND (OLD.cancel_requested_at IS NULL) AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of release are not met. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'rescue' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.cancel_requested_at IS NULL) AND ((OLD.stop_cause IS NULL OR OLD.stop_cause <> 'TIMEOUT')) AND (OLD.losses + 1 < OLD.max_losses)) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of rescue are not met. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'give_up' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.cancel_requested_at IS NULL) AND ((OLD.stop_cause IS NULL OR OLD.stop_cause <> 'TIMEOUT')) AND (OLD.losses + 1 >= OLD.max_losses)) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of give_up are not met. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'time_out_lost' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.cancel_requested_at IS NULL) AND (OLD.stop_cause = 'TIMEOUT')) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of time_out_lost are not met. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'cancel_lost' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.cancel_requested_at IS NOT NULL)) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of cancel_lost are not met. Nothing was written.'; END IF;
IF (NEW.attempt <> OLD.attempt + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('claim') THEN 1 ELSE 0 END) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: attempt moves by one, with its event. Nothing was written.'; END IF;
IF (NEW.failures <> OLD.failures + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('retry') THEN 1 ELSE 0 END) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: failures moves by one, with its event. Nothing was written.'; END IF;
IF (NEW.losses <> OLD.losses + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('give_up', 'rescue') THEN 1 ELSE 0 END) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: losses moves by one, with its event. Nothing was written.'; END IF;
IF (NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at AND NOT (NEW.event IN ('cancel', 'request_cancel') AND TRUE) OR (NEW.status = OLD.status AND NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at AND OLD.status <> 'RUNNING')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a cancel is requested by its event. Nothing was written.'; END IF;
IF (OLD.cancel_requested_at IS NOT NULL AND NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: an accepted cancel stays. Nothing was written.'; END IF;
IF (NOT (NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at) AND (NEW.cancel_requested_by IS DISTINCT FROM OLD.cancel_requested_by OR NEW.cancel_reason IS DISTINCT FROM OLD.cancel_reason)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: who canceled and why is written once. Nothing was written.'; END IF;
IF (NEW.stop_cause IS NOT NULL AND OLD.stop_cause IS NULL AND NOT (NEW.event IN ('stop') AND NEW.status = OLD.status AND NEW.write_seq = OLD.write_seq + 1 AND NEW.write_attempt = OLD.attempt)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: stop_cause is set by the attempt''s stop. Nothing was written.'; END IF;
IF (OLD.stop_cause IS NOT NULL AND NEW.stop_cause IS DISTINCT FROM OLD.stop_cause AND NOT (NEW.status <> OLD.status AND NEW.status = 'PENDING')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: stop_cause is set once an attempt. Nothing was written.'; END IF;
IF (NEW.status = OLD.status AND (NEW.lease_until_us IS DISTINCT FROM OLD.lease_until_us OR NEW.lease_epoch IS DISTINCT FROM OLD.lease_epoch OR NEW.worker_id IS DISTINCT FROM OLD.worker_id) AND NOT (NEW.event = 'renew' AND NEW.write_seq = OLD.write_seq + 1 AND NEW.write_attempt = OLD.attempt AND NEW.worker_id IS NOT DISTINCT FROM OLD.worker_id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a lease moves only by its attempt''s renewal. Nothing was written.'; END IF;
IF (NEW.started_at IS DISTINCT FROM OLD.started_at AND NOT (NEW.status <> OLD.status AND NEW.event = 'claim')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: started_at moves only with a claim. Nothing was written.'; END IF;
IF (NEW.proof IS DISTINCT FROM OLD.proof AND NOT (NEW.status <> OLD.status AND NEW.event IN ('cancel_lost', 'fail', 'finish_cancel', 'give_up', 'release', 'rescue', 'retry', 'succeed', 'time_out', 'time_out_lost'))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a proof comes with the end of its attempt. Nothing was written.'; END IF;
IF (NOT (NEW.write_seq = OLD.write_seq + 1) AND (NEW.error IS DISTINCT FROM OLD.error OR NEW.exit_code IS DISTINCT FROM OLD.exit_code OR NEW.run_at IS DISTINCT FROM OLD.run_at) AND NOT (NEW.status <> OLD.status AND NEW.event IN ('cancel'))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: an outcome is written by the engine. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event IN ('cancel_lost', 'expire', 'give_up', 'rescue', 'time_out_lost') AND OLD.kill_unconfirmed) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the death of the attempt is not confirmed. Nothing was written.'; END IF;
IF (OLD.kill_unconfirmed AND NOT NEW.kill_unconfirmed AND NOT (NEW.status <> OLD.status)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: an unconfirmed kill stays until the attempt ends. Nothing was written.'; END IF;
IF (NEW.stop_cause NOT IN ('CANCEL', 'SHUTDOWN', 'TIMEOUT') OR NEW.proof NOT IN ('cgroup', 'group_unproven', 'inline', 'namespace', 'subreaper')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: there is no such stop_cause or proof. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'cancel' AND NEW.cancel_requested_at IS NULL) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a cancel says when. Nothing was written.'; END IF;
IF (NOT (NEW.write_seq = OLD.write_seq + 1) AND NOT (NEW.status <> OLD.status OR NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at) AND (NEW.error IS DISTINCT FROM OLD.error OR NEW.reason IS DISTINCT FROM OLD.reason OR NEW.exit_code IS DISTINCT FROM OLD.exit_code OR NEW.exit_signal IS DISTINCT FROM OLD.exit_signal OR NEW.run_at IS DISTINCT FROM OLD.run_at OR NEW.result IS DISTINCT FROM OLD.result OR NEW.kill_unconfirmed IS DISTINCT FROM OLD.kill_unconfirmed OR NEW.event IS DISTINCT FROM OLD.event OR NEW.event_at IS DISTINCT FROM OLD.event_at OR NEW.event_reason IS DISTINCT FROM OLD.event_reason OR NEW.actor IS DISTINCT FROM OLD.actor OR NEW.write_attempt IS DISTINCT FROM OLD.write_attempt OR NEW.write_proof IS DISTINCT FROM OLD.write_proof)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: an event is written by the engine. Nothing was written.'; END IF;
IF (NOT (NEW.status IN ('CANCELED', 'FAILED', 'PENDING', 'RUNNING', 'SUCCEEDED', 'TIMEOUT'))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: row rule ''status''. Nothing was written.'; END IF;
IF (NOT ((NEW.status IN ('CANCELED', 'FAILED', 'SUCCEEDED', 'TIMEOUT')) = (NEW.finished_at IS NOT NULL))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: row rule ''finished''. Nothing was written.'; END IF;
IF (NOT ((NEW.status = 'RUNNING') = (NEW.lease_until_us IS NOT NULL AND NEW.lease_epoch IS NOT NULL))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: row rule ''leased''. Nothing was written.'; END IF;
IF (NOT (NEW.status <> 'RUNNING' OR (NEW.worker_id IS NOT NULL AND NEW.started_at IS NOT NULL))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: row rule ''owned''. Nothing was written.'; END IF;
IF (NOT (NEW.result IS NULL OR NEW.status = 'SUCCEEDED')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: row rule ''result''. Nothing was written.'; END IF;
IF (NOT (NEW.status <> 'PENDING' OR (NEW.stop_cause IS NULL AND NEW.proof IS NULL AND NEW.lease_until_us IS NULL AND NEW.lease_epoch IS NULL))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: row rule ''pending''. Nothing was written.'; END IF;
IF (NOT (NEW.attempt >= 0 AND NEW.failures >= 0 AND NEW.losses >= 0)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: row rule ''counters''. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_job_update_log() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF ((NEW.status <> OLD.status) OR (NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at) OR (NEW.stop_cause IS NOT NULL AND OLD.stop_cause IS NULL)) THEN INSERT INTO history (job_id, seq, event, source, target, at, actor, reason, attempt, position) VALUES (NEW.id, (SELECT coalesce(max(seq), 0) + 1 FROM history WHERE job_id = NEW.id), NEW.event, OLD.status, NEW.status, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.event_at ELSE clock_timestamp() END, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.actor ELSE 'sql' END, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.event_reason END, NEW.attempt, CAST(CAST(pg_current_xact_id() AS text) AS bigint)); END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_job_wake_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (TRUE) THEN PERFORM pg_notify('interlock', ''); END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_job_wake_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (NEW.status <> OLD.status OR NEW.ready <> OLD.ready OR NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at) THEN PERFORM pg_notify('interlock', ''); END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_lifecycle_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the lifecycle table is sealed. Nothing was written.'; END IF;
RETURN OLD;
END$$;
CREATE FUNCTION public.interlock_lifecycle_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the lifecycle table is sealed. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_lifecycle_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
IF (TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the lifecycle table is sealed. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$BEGIN
RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a table of the guard is never truncated. Nothing was written.';
END$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.answer (
    key character varying NOT NULL,
    request character varying NOT NULL,
    text character varying,
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.attempt (
    job_id character varying NOT NULL,
    attempt integer NOT NULL,
    worker_id character varying NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    pid integer,
    containment character varying,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    outcome character varying,
    exit_code integer,
    exit_signal integer,
    proof character varying,
    error jsonb,
    peak_memory_bytes bigint,
    cpu_seconds double precision
);
CREATE TABLE public.history (
    job_id character varying NOT NULL,
    seq integer NOT NULL,
    event character varying NOT NULL,
    source character varying,
    target character varying NOT NULL,
    at timestamp with time zone NOT NULL,
    actor character varying NOT NULL,
    reason character varying,
    attempt integer NOT NULL,
    "position" bigint DEFAULT 0 NOT NULL
);
CREATE TABLE public.interlock_schema_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.job (
    id character varying NOT NULL,
    name character varying NOT NULL,
    queue character varying NOT NULL,
    params jsonb NOT NULL,
    priority integer NOT NULL,
    timeout_s double precision,
    grace_s double precision NOT NULL,
    created_at timestamp with time zone NOT NULL,
    run_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    max_attempts integer NOT NULL,
    retry_on_timeout boolean NOT NULL,
    retry jsonb NOT NULL,
    max_losses integer NOT NULL,
    unique_key character varying,
    idempotency_key character varying,
    submitted_by character varying,
    metadata jsonb NOT NULL,
    rerun_of character varying,
    status character varying NOT NULL,
    reason character varying,
    attempt integer NOT NULL,
    failures integer NOT NULL,
    losses integer NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    worker_id character varying,
    lease_until_us bigint,
    lease_epoch character varying,
    cancel_requested_at timestamp with time zone,
    cancel_requested_by character varying,
    cancel_reason character varying,
    stop_cause character varying,
    proof character varying,
    kill_unconfirmed boolean NOT NULL,
    result jsonb,
    error jsonb,
    progress jsonb,
    exit_code integer,
    exit_signal integer,
    ready integer NOT NULL,
    write_seq integer NOT NULL,
    write_attempt integer,
    write_proof character varying,
    event character varying NOT NULL,
    event_at timestamp with time zone NOT NULL,
    event_reason character varying,
    actor character varying NOT NULL,
    parent_id character varying,
    CONSTRAINT ck_job_counters CHECK (((attempt >= 0) AND (failures >= 0) AND (losses >= 0))),
    CONSTRAINT ck_job_finished CHECK ((((status)::text = ANY ((ARRAY['CANCELED'::character varying, 'FAILED'::character varying, 'SUCCEEDED'::character varying, 'TIMEOUT'::character varying])::text[])) = (finished_at IS NOT NULL))),
    CONSTRAINT ck_job_leased CHECK ((((status)::text = 'RUNNING'::text) = ((lease_until_us IS NOT NULL) AND (lease_epoch IS NOT NULL)))),
    CONSTRAINT ck_job_owned CHECK ((((status)::text <> 'RUNNING'::text) OR ((worker_id IS NOT NULL) AND (started_at IS NOT NULL)))),
    CONSTRAINT ck_job_pending CHECK ((((status)::text <> 'PENDING'::text) OR ((stop_cause IS NULL) AND (proof IS NULL) AND (lease_until_us IS NULL) AND (lease_epoch IS NULL)))),
    CONSTRAINT ck_job_result CHECK (((result IS NULL) OR ((status)::text = 'SUCCEEDED'::text))),
    CONSTRAINT ck_job_status CHECK (((status)::text = ANY ((ARRAY['CANCELED'::character varying, 'FAILED'::character varying, 'PENDING'::character varying, 'RUNNING'::character varying, 'SUCCEEDED'::character varying, 'TIMEOUT'::character varying])::text[])))
);
CREATE TABLE public.job_name (
    name character varying NOT NULL,
    max_running integer NOT NULL
);
CREATE TABLE public.lifecycle (
    event character varying NOT NULL,
    source character varying NOT NULL,
    target character varying NOT NULL,
    who character varying NOT NULL
);
CREATE TABLE public.log (
    seq integer NOT NULL,
    job_id character varying NOT NULL,
    attempt integer NOT NULL,
    at timestamp with time zone NOT NULL,
    stream character varying NOT NULL,
    text character varying NOT NULL
);
CREATE SEQUENCE public.log_seq_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.log_seq_seq OWNED BY public.log.seq;
CREATE TABLE public.queue (
    name character varying NOT NULL,
    paused boolean NOT NULL
);
CREATE TABLE public.rejection (
    id integer NOT NULL,
    job_id character varying NOT NULL,
    event character varying NOT NULL,
    status character varying NOT NULL,
    at timestamp with time zone NOT NULL,
    actor character varying NOT NULL,
    attempt integer,
    why character varying NOT NULL
);
CREATE SEQUENCE public.rejection_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.rejection_id_seq OWNED BY public.rejection.id;
CREATE TABLE public.worker (
    id character varying NOT NULL,
    host character varying NOT NULL,
    pid integer NOT NULL,
    boot_id character varying NOT NULL,
    containment character varying NOT NULL,
    concurrency integer NOT NULL,
    queues jsonb,
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    domain character varying,
    lease_s double precision,
    jobs jsonb
);
ALTER TABLE ONLY public.log ALTER COLUMN seq SET DEFAULT nextval('public.log_seq_seq'::regclass);
ALTER TABLE ONLY public.rejection ALTER COLUMN id SET DEFAULT nextval('public.rejection_id_seq'::regclass);
INSERT INTO public.attempt VALUES ('v-text', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, '2026-01-01 12:00:00+00', 'succeed', 3, NULL, 'cgroup', NULL, NULL, NULL);
INSERT INTO public.attempt VALUES ('v-yes', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, '2026-01-01 12:00:00+00', 'succeed', 3, NULL, 'cgroup', NULL, NULL, NULL);
INSERT INTO public.attempt VALUES ('v-nothing', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, '2026-01-01 12:00:00+00', 'succeed', 3, NULL, 'cgroup', NULL, NULL, NULL);
INSERT INTO public.attempt VALUES ('v-list', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, '2026-01-01 12:00:00+00', 'succeed', 3, NULL, 'cgroup', NULL, NULL, NULL);
INSERT INTO public.attempt VALUES ('v-big', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, '2026-01-01 12:00:00+00', 'succeed', 3, NULL, 'cgroup', NULL, NULL, NULL);
INSERT INTO public.attempt VALUES ('v-half', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, '2026-01-01 12:00:00+00', 'succeed', 3, NULL, 'cgroup', NULL, NULL, NULL);
INSERT INTO public.attempt VALUES ('v-int', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, '2026-01-01 12:00:00+00', 'succeed', 3, NULL, 'cgroup', NULL, NULL, NULL);
INSERT INTO public.attempt VALUES ('failed', 1, 'w1', '2026-01-01 12:00:00+00', 7, 'group', '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', 'fail', 3, NULL, 'group_unproven', NULL, 1099511627776, 0.5);
INSERT INTO public.attempt VALUES ('timed-out', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, '2026-01-01 12:00:00+00', 'time_out', 3, NULL, 'cgroup', NULL, NULL, NULL);
INSERT INTO public.attempt VALUES ('running-1', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempt VALUES ('running-2', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempt VALUES ('running-3', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.history VALUES ('v-text', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65295);
INSERT INTO public.history VALUES ('v-text', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65297);
INSERT INTO public.history VALUES ('v-text', 3, 'succeed', 'RUNNING', 'SUCCEEDED', '2026-01-01 12:00:00+00', 'w1', 'returned', 1, 65298);
INSERT INTO public.history VALUES ('v-yes', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65299);
INSERT INTO public.history VALUES ('v-yes', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65301);
INSERT INTO public.history VALUES ('v-yes', 3, 'succeed', 'RUNNING', 'SUCCEEDED', '2026-01-01 12:00:00+00', 'w1', 'returned', 1, 65302);
INSERT INTO public.history VALUES ('v-nothing', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65303);
INSERT INTO public.history VALUES ('v-nothing', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65305);
INSERT INTO public.history VALUES ('v-nothing', 3, 'succeed', 'RUNNING', 'SUCCEEDED', '2026-01-01 12:00:00+00', 'w1', 'returned', 1, 65306);
INSERT INTO public.history VALUES ('v-list', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65307);
INSERT INTO public.history VALUES ('v-list', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65309);
INSERT INTO public.history VALUES ('v-list', 3, 'succeed', 'RUNNING', 'SUCCEEDED', '2026-01-01 12:00:00+00', 'w1', 'returned', 1, 65310);
INSERT INTO public.history VALUES ('v-big', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65311);
INSERT INTO public.history VALUES ('v-big', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65313);
INSERT INTO public.history VALUES ('v-big', 3, 'succeed', 'RUNNING', 'SUCCEEDED', '2026-01-01 12:00:00+00', 'w1', 'returned', 1, 65314);
INSERT INTO public.history VALUES ('v-half', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65315);
INSERT INTO public.history VALUES ('v-half', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65317);
INSERT INTO public.history VALUES ('v-half', 3, 'succeed', 'RUNNING', 'SUCCEEDED', '2026-01-01 12:00:00+00', 'w1', 'returned', 1, 65318);
INSERT INTO public.history VALUES ('v-int', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65319);
INSERT INTO public.history VALUES ('v-int', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65321);
INSERT INTO public.history VALUES ('v-int', 3, 'succeed', 'RUNNING', 'SUCCEEDED', '2026-01-01 12:00:00+00', 'w1', 'returned', 1, 65322);
INSERT INTO public.history VALUES ('failed', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65323);
INSERT INTO public.history VALUES ('failed', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65325);
INSERT INTO public.history VALUES ('failed', 3, 'fail', 'RUNNING', 'FAILED', '2026-01-01 12:00:00+00', 'w1', 'bad_result', 1, 65327);
INSERT INTO public.history VALUES ('timed-out', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65328);
INSERT INTO public.history VALUES ('timed-out', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65330);
INSERT INTO public.history VALUES ('timed-out', 3, 'stop', 'RUNNING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65331);
INSERT INTO public.history VALUES ('timed-out', 4, 'time_out', 'RUNNING', 'TIMEOUT', '2026-01-01 12:00:00+00', 'w1', 'lost', 1, 65332);
INSERT INTO public.history VALUES ('canceled', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65333);
INSERT INTO public.history VALUES ('canceled', 2, 'cancel', 'PENDING', 'CANCELED', '2026-01-01 12:00:00+00', 'anna', 'no longer needed', 0, 65335);
INSERT INTO public.history VALUES ('running-1', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65336);
INSERT INTO public.history VALUES ('running-1', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65338);
INSERT INTO public.history VALUES ('running-2', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65339);
INSERT INTO public.history VALUES ('running-2', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65341);
INSERT INTO public.history VALUES ('running-3', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65342);
INSERT INTO public.history VALUES ('running-3', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 65344);
INSERT INTO public.history VALUES ('waits-limited', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65347);
INSERT INTO public.history VALUES ('waits', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65349);
INSERT INTO public.history VALUES ('later', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65351);
INSERT INTO public.history VALUES ('paused', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 65353);
INSERT INTO public.interlock_schema_version VALUES ('0003');
INSERT INTO public.job VALUES ('v-text', 'value', 'values', '{"v": "a"}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{"v": "a"}', NULL, 'SUCCEEDED', 'returned', 1, 0, 0, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', 'w1', NULL, NULL, NULL, NULL, NULL, NULL, 'cgroup', false, '"a"', NULL, NULL, 3, NULL, 1, 2, 1, 'cgroup', 'succeed', '2026-01-01 12:00:00+00', 'returned', 'w1', NULL);
INSERT INTO public.job VALUES ('v-yes', 'value', 'values', '{"v": true}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{"v": true}', NULL, 'SUCCEEDED', 'returned', 1, 0, 0, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', 'w1', NULL, NULL, NULL, NULL, NULL, NULL, 'cgroup', false, 'true', NULL, NULL, 3, NULL, 1, 2, 1, 'cgroup', 'succeed', '2026-01-01 12:00:00+00', 'returned', 'w1', NULL);
INSERT INTO public.job VALUES ('v-nothing', 'value', 'values', '{"v": null}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{"v": null}', NULL, 'SUCCEEDED', 'returned', 1, 0, 0, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', 'w1', NULL, NULL, NULL, NULL, NULL, NULL, 'cgroup', false, NULL, NULL, NULL, 3, NULL, 1, 2, 1, 'cgroup', 'succeed', '2026-01-01 12:00:00+00', 'returned', 'w1', NULL);
INSERT INTO public.job VALUES ('v-list', 'value', 'values', '{"v": [1.5, "x", {"k": []}]}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{"v": [1.5, "x", {"k": []}]}', NULL, 'SUCCEEDED', 'returned', 1, 0, 0, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', 'w1', NULL, NULL, NULL, NULL, NULL, NULL, 'cgroup', false, '[1.5, "x", {"k": []}]', NULL, NULL, 3, NULL, 1, 2, 1, 'cgroup', 'succeed', '2026-01-01 12:00:00+00', 'returned', 'w1', NULL);
INSERT INTO public.job VALUES ('v-big', 'value', 'values', '{"v": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{"v": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000}', NULL, 'SUCCEEDED', 'returned', 1, 0, 0, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', 'w1', NULL, NULL, NULL, NULL, NULL, NULL, 'cgroup', false, '1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000', NULL, NULL, 3, NULL, 1, 2, 1, 'cgroup', 'succeed', '2026-01-01 12:00:00+00', 'returned', 'w1', NULL);
INSERT INTO public.job VALUES ('v-half', 'value', 'values', '{"v": 0.5}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{"v": 0.5}', NULL, 'SUCCEEDED', 'returned', 1, 0, 0, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', 'w1', NULL, NULL, NULL, NULL, NULL, NULL, 'cgroup', false, '0.5', NULL, NULL, 3, NULL, 1, 2, 1, 'cgroup', 'succeed', '2026-01-01 12:00:00+00', 'returned', 'w1', NULL);
INSERT INTO public.job VALUES ('v-int', 'value', 'values', '{"v": 12}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{"v": 12}', NULL, 'SUCCEEDED', 'returned', 1, 0, 0, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', 'w1', NULL, NULL, NULL, NULL, NULL, NULL, 'cgroup', false, '12', NULL, NULL, 3, NULL, 1, 2, 1, 'cgroup', 'succeed', '2026-01-01 12:00:00+00', 'returned', 'w1', NULL);
INSERT INTO public.job VALUES ('failed', 'fails', 'q', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{}', NULL, 'FAILED', 'bad_result', 1, 0, 0, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', 'w1', NULL, NULL, NULL, NULL, NULL, NULL, 'group_unproven', false, NULL, NULL, NULL, 3, NULL, 1, 2, 1, 'group_unproven', 'fail', '2026-01-01 12:00:00+00', 'bad_result', 'w1', NULL);
INSERT INTO public.job VALUES ('running-2', 'limited', 'q', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{}', NULL, 'RUNNING', NULL, 1, 0, 0, '2026-01-01 12:00:00+00', NULL, 'w1', 1030000000, 'postgresql', NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, 1, 1, 1, NULL, 'claim', '2026-01-01 12:00:00+00', NULL, 'w1', NULL);
INSERT INTO public.job VALUES ('timed-out', 'slow', 'q', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{}', NULL, 'TIMEOUT', 'lost', 1, 0, 0, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', 'w1', NULL, NULL, NULL, NULL, NULL, 'TIMEOUT', 'cgroup', false, NULL, NULL, NULL, 3, NULL, 1, 3, 1, 'cgroup', 'time_out', '2026-01-01 12:00:00+00', 'lost', 'w1', NULL);
INSERT INTO public.job VALUES ('canceled', 'slow', 'q', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{}', NULL, 'CANCELED', 'before_start', 0, 0, 0, NULL, '2026-01-01 12:00:00+00', NULL, NULL, NULL, '2026-01-01 12:00:00+00', 'anna', 'no longer needed', NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, 1, 1, NULL, NULL, 'cancel', '2026-01-01 12:00:00+00', 'no longer needed', 'anna', NULL);
INSERT INTO public.job VALUES ('running-3', 'limited', 'q', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{}', NULL, 'RUNNING', NULL, 1, 0, 0, '2026-01-01 12:00:00+00', NULL, 'w1', 1030000000, 'postgresql', NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, 1, 1, 1, NULL, 'claim', '2026-01-01 12:00:00+00', NULL, 'w1', NULL);
INSERT INTO public.job VALUES ('running-1', 'limited', 'q', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{}', NULL, 'RUNNING', NULL, 1, 0, 0, '2026-01-01 12:00:00+00', NULL, 'w1', 1030000000, 'postgresql', NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, '{"unit": null, "phase": null, "total": 2, "message": "half", "completed": 1}', NULL, NULL, 1, 1, 1, NULL, 'claim', '2026-01-01 12:00:00+00', NULL, 'w1', NULL);
INSERT INTO public.job VALUES ('waits-limited', 'limited', 'q', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{}', NULL, 'PENDING', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, 1, 0, NULL, NULL, 'submit', '2026-01-01 12:00:00+00', NULL, 'client', NULL);
INSERT INTO public.job VALUES ('waits', 'add', 'q', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, 'u', 'i', NULL, '{}', NULL, 'PENDING', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, 1, 0, NULL, NULL, 'submit', '2026-01-01 12:00:00+00', NULL, 'client', NULL);
INSERT INTO public.job VALUES ('later', 'add', 'q', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 13:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{}', NULL, 'PENDING', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, 'submit', '2026-01-01 12:00:00+00', NULL, 'client', NULL);
INSERT INTO public.job VALUES ('paused', 'add', 'halted', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"on": null, "backoff": 1.0, "never_on": [], "on_timeout": false, "max_backoff": 300.0, "max_attempts": 1}', 5, NULL, NULL, NULL, '{}', NULL, 'PENDING', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, 1, 0, NULL, NULL, 'submit', '2026-01-01 12:00:00+00', NULL, 'client', NULL);
INSERT INTO public.job_name VALUES ('limited', 2);
INSERT INTO public.lifecycle VALUES ('claim', 'PENDING', 'RUNNING', 'worker');
INSERT INTO public.lifecycle VALUES ('cancel', 'PENDING', 'CANCELED', 'client');
INSERT INTO public.lifecycle VALUES ('expire', 'PENDING', 'CANCELED', 'reaper');
INSERT INTO public.lifecycle VALUES ('succeed', 'RUNNING', 'SUCCEEDED', 'worker');
INSERT INTO public.lifecycle VALUES ('fail', 'RUNNING', 'FAILED', 'worker');
INSERT INTO public.lifecycle VALUES ('retry', 'RUNNING', 'PENDING', 'worker');
INSERT INTO public.lifecycle VALUES ('time_out', 'RUNNING', 'TIMEOUT', 'worker');
INSERT INTO public.lifecycle VALUES ('finish_cancel', 'RUNNING', 'CANCELED', 'worker');
INSERT INTO public.lifecycle VALUES ('release', 'RUNNING', 'PENDING', 'worker');
INSERT INTO public.lifecycle VALUES ('rescue', 'RUNNING', 'PENDING', 'reaper');
INSERT INTO public.lifecycle VALUES ('give_up', 'RUNNING', 'FAILED', 'reaper');
INSERT INTO public.lifecycle VALUES ('time_out_lost', 'RUNNING', 'TIMEOUT', 'reaper');
INSERT INTO public.lifecycle VALUES ('cancel_lost', 'RUNNING', 'CANCELED', 'reaper');
INSERT INTO public.log VALUES (1, 'failed', 1, '2026-01-01 12:00:00+00', 'stdout', 'hello');
INSERT INTO public.queue VALUES ('halted', true);
SELECT pg_catalog.setval('public.log_seq_seq', 1, true);
SELECT pg_catalog.setval('public.rejection_id_seq', 1, false);
ALTER TABLE ONLY public.interlock_schema_version
    ADD CONSTRAINT interlock_schema_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.answer
    ADD CONSTRAINT pk_answer PRIMARY KEY (key);
ALTER TABLE ONLY public.attempt
    ADD CONSTRAINT pk_attempt PRIMARY KEY (job_id, attempt);
ALTER TABLE ONLY public.history
    ADD CONSTRAINT pk_history PRIMARY KEY (job_id, seq);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT pk_job PRIMARY KEY (id);
ALTER TABLE ONLY public.job_name
    ADD CONSTRAINT pk_job_name PRIMARY KEY (name);
ALTER TABLE ONLY public.lifecycle
    ADD CONSTRAINT pk_lifecycle PRIMARY KEY (event);
ALTER TABLE ONLY public.log
    ADD CONSTRAINT pk_log PRIMARY KEY (seq);
ALTER TABLE ONLY public.queue
    ADD CONSTRAINT pk_queue PRIMARY KEY (name);
ALTER TABLE ONLY public.rejection
    ADD CONSTRAINT pk_rejection PRIMARY KEY (id);
ALTER TABLE ONLY public.worker
    ADD CONSTRAINT pk_worker PRIMARY KEY (id);
CREATE INDEX ix_answer_until ON public.answer USING btree (until);
CREATE INDEX ix_history_feed ON public.history USING btree ("position", job_id, seq);
CREATE INDEX ix_job_claim ON public.job USING btree (queue, name, priority DESC, id) WHERE (((status)::text = 'PENDING'::text) AND (ready = 1));
CREATE INDEX ix_job_due ON public.job USING btree (run_at) WHERE (((status)::text = 'PENDING'::text) AND (ready = 0));
CREATE INDEX ix_job_expiry ON public.job USING btree (expires_at) WHERE (((status)::text = 'PENDING'::text) AND (expires_at IS NOT NULL));
CREATE INDEX ix_job_finished ON public.job USING btree (finished_at, id) WHERE (finished_at IS NOT NULL);
CREATE INDEX ix_job_name ON public.job USING btree (name, id);
CREATE INDEX ix_job_running ON public.job USING btree (name, worker_id) WHERE ((status)::text = 'RUNNING'::text);
CREATE INDEX ix_job_status ON public.job USING btree (status, id);
CREATE INDEX ix_log_job_id_seq ON public.log USING btree (job_id, seq);
CREATE INDEX ix_rejection_job_id ON public.rejection USING btree (job_id);
CREATE UNIQUE INDEX uq_job_idempotency_key ON public.job USING btree (idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE UNIQUE INDEX uq_job_unique_key ON public.job USING btree (unique_key) WHERE ((unique_key IS NOT NULL) AND ((status)::text = ANY ((ARRAY['PENDING'::character varying, 'RUNNING'::character varying])::text[])));
CREATE TRIGGER interlock_attempt_delete BEFORE DELETE ON public.attempt FOR EACH ROW EXECUTE FUNCTION public.interlock_attempt_delete();
ALTER TABLE public.attempt ENABLE ALWAYS TRIGGER interlock_attempt_delete;
CREATE TRIGGER interlock_attempt_insert BEFORE INSERT ON public.attempt FOR EACH ROW EXECUTE FUNCTION public.interlock_attempt_insert();
ALTER TABLE public.attempt ENABLE ALWAYS TRIGGER interlock_attempt_insert;
CREATE TRIGGER interlock_attempt_truncate BEFORE TRUNCATE ON public.attempt FOR EACH STATEMENT EXECUTE FUNCTION public.interlock_truncate();
ALTER TABLE public.attempt ENABLE ALWAYS TRIGGER interlock_attempt_truncate;
CREATE TRIGGER interlock_attempt_update BEFORE UPDATE ON public.attempt FOR EACH ROW EXECUTE FUNCTION public.interlock_attempt_update();
ALTER TABLE public.attempt ENABLE ALWAYS TRIGGER interlock_attempt_update;
CREATE TRIGGER interlock_history_delete BEFORE DELETE ON public.history FOR EACH ROW EXECUTE FUNCTION public.interlock_history_delete();
ALTER TABLE public.history ENABLE ALWAYS TRIGGER interlock_history_delete;
CREATE TRIGGER interlock_history_insert BEFORE INSERT ON public.history FOR EACH ROW EXECUTE FUNCTION public.interlock_history_insert();
ALTER TABLE public.history ENABLE ALWAYS TRIGGER interlock_history_insert;
CREATE TRIGGER interlock_history_truncate BEFORE TRUNCATE ON public.history FOR EACH STATEMENT EXECUTE FUNCTION public.interlock_truncate();
ALTER TABLE public.history ENABLE ALWAYS TRIGGER interlock_history_truncate;
CREATE TRIGGER interlock_history_update BEFORE UPDATE ON public.history FOR EACH ROW EXECUTE FUNCTION public.interlock_history_update();
ALTER TABLE public.history ENABLE ALWAYS TRIGGER interlock_history_update;
CREATE TRIGGER interlock_job_claim AFTER UPDATE ON public.job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_claim();
ALTER TABLE public.job ENABLE ALWAYS TRIGGER interlock_job_claim;
CREATE TRIGGER interlock_job_delete BEFORE DELETE ON public.job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_delete();
ALTER TABLE public.job ENABLE ALWAYS TRIGGER interlock_job_delete;
CREATE TRIGGER interlock_job_insert BEFORE INSERT ON public.job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_insert();
ALTER TABLE public.job ENABLE ALWAYS TRIGGER interlock_job_insert;
CREATE TRIGGER interlock_job_insert_log AFTER INSERT ON public.job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_insert_log();
ALTER TABLE public.job ENABLE ALWAYS TRIGGER interlock_job_insert_log;
CREATE TRIGGER interlock_job_leave AFTER UPDATE ON public.job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_leave();
ALTER TABLE public.job ENABLE ALWAYS TRIGGER interlock_job_leave;
CREATE TRIGGER interlock_job_truncate BEFORE TRUNCATE ON public.job FOR EACH STATEMENT EXECUTE FUNCTION public.interlock_truncate();
ALTER TABLE public.job ENABLE ALWAYS TRIGGER interlock_job_truncate;
CREATE TRIGGER interlock_job_update BEFORE UPDATE ON public.job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_update();
ALTER TABLE public.job ENABLE ALWAYS TRIGGER interlock_job_update;
CREATE TRIGGER interlock_job_update_log AFTER UPDATE ON public.job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_update_log();
ALTER TABLE public.job ENABLE ALWAYS TRIGGER interlock_job_update_log;
CREATE TRIGGER interlock_job_wake_insert AFTER INSERT ON public.job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_wake_insert();
ALTER TABLE public.job ENABLE ALWAYS TRIGGER interlock_job_wake_insert;
CREATE TRIGGER interlock_job_wake_update AFTER UPDATE ON public.job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_wake_update();
ALTER TABLE public.job ENABLE ALWAYS TRIGGER interlock_job_wake_update;
CREATE TRIGGER interlock_lifecycle_delete BEFORE DELETE ON public.lifecycle FOR EACH ROW EXECUTE FUNCTION public.interlock_lifecycle_delete();
ALTER TABLE public.lifecycle ENABLE ALWAYS TRIGGER interlock_lifecycle_delete;
CREATE TRIGGER interlock_lifecycle_insert BEFORE INSERT ON public.lifecycle FOR EACH ROW EXECUTE FUNCTION public.interlock_lifecycle_insert();
ALTER TABLE public.lifecycle ENABLE ALWAYS TRIGGER interlock_lifecycle_insert;
CREATE TRIGGER interlock_lifecycle_truncate BEFORE TRUNCATE ON public.lifecycle FOR EACH STATEMENT EXECUTE FUNCTION public.interlock_truncate();
ALTER TABLE public.lifecycle ENABLE ALWAYS TRIGGER interlock_lifecycle_truncate;
CREATE TRIGGER interlock_lifecycle_update BEFORE UPDATE ON public.lifecycle FOR EACH ROW EXECUTE FUNCTION public.interlock_lifecycle_update();
ALTER TABLE public.lifecycle ENABLE ALWAYS TRIGGER interlock_lifecycle_update;
