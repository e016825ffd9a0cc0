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
    SET search_path TO 'public'
    AS $$BEGIN
IF (EXISTS (SELECT 1 FROM interlock_job WHERE id = OLD.job_id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: records are deleted only after their job. Nothing was written.'; END IF;
RETURN OLD;
END$$;
CREATE FUNCTION public.interlock_attempt_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (EXISTS (SELECT 1 FROM interlock_attempt WHERE job_id = NEW.job_id AND attempt = NEW.attempt) OR NOT EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id AND attempt = NEW.attempt AND status = 'RUNNING')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: attempts are inserted only by a claim. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_attempt_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF ((NEW.job_id IS DISTINCT FROM OLD.job_id OR NEW.attempt IS DISTINCT FROM OLD.attempt OR NEW.worker_id IS DISTINCT FROM OLD.worker_id OR NEW.claimed_at IS DISTINCT FROM OLD.claimed_at)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: job_id, attempt, worker_id and claimed_at never change. Nothing was written.'; END IF;
IF (OLD.outcome IS NOT NULL) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: an ended attempt never changes. Nothing was written.'; END IF;
IF ((NEW.outcome IS DISTINCT FROM OLD.outcome OR NEW.ended_at IS DISTINCT FROM OLD.ended_at OR NEW.exit_code IS DISTINCT FROM OLD.exit_code OR NEW.exit_signal IS DISTINCT FROM OLD.exit_signal OR NEW.proof IS DISTINCT FROM OLD.proof OR CAST(NEW.error AS TEXT) IS DISTINCT FROM CAST(OLD.error AS TEXT)) AND EXISTS (SELECT 1 FROM interlock_job WHERE id = OLD.job_id AND attempt = OLD.attempt AND status = 'RUNNING')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: an attempt ends only with an event of its job. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_history_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (EXISTS (SELECT 1 FROM interlock_job WHERE id = OLD.job_id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: records are deleted only after their job. Nothing was written.'; END IF;
RETURN OLD;
END$$;
CREATE FUNCTION public.interlock_history_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM interlock_history WHERE job_id = NEW.job_id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: history is append-only. Nothing was written.'; END IF;
IF (NOT EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id AND event = NEW.event AND attempt = NEW.attempt)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: history is written only by changes of the job. Nothing was written.'; END IF;
IF (NEW.target IS DISTINCT FROM (SELECT status FROM interlock_job WHERE id = NEW.job_id) OR NEW.source IS DISTINCT FROM (SELECT target FROM interlock_history WHERE job_id = NEW.job_id ORDER BY seq DESC LIMIT 1) OR NOT (NEW.source IS NULL OR NEW.source <> NEW.target OR (NEW.event = 'request_cancel' AND EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id AND cancel_requested_at IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM interlock_history WHERE job_id = NEW.job_id AND event = NEW.event)) OR (NEW.event = 'stop' AND EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id AND stop_cause IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM interlock_history WHERE job_id = NEW.job_id AND event = NEW.event AND attempt = NEW.attempt)))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: history is written only by changes of the job. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_history_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: history is append-only. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_job_claim() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (NEW.status <> OLD.status AND NEW.event = 'claim') THEN INSERT INTO interlock_attempt (job_id, attempt, worker_id, claimed_at) VALUES (NEW.id, NEW.attempt, NEW.worker_id, NEW.started_at); END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_job_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (OLD.status IN ('PENDING', 'RUNNING')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: only terminal jobs can be deleted. Nothing was written.'; END IF;
RETURN OLD;
END$$;
CREATE FUNCTION public.interlock_job_free() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (NEW.status <> OLD.status AND OLD.status = 'RUNNING') THEN DELETE FROM interlock_slot WHERE job_id = NEW.id; END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_job_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (NEW.status <> 'PENDING' OR NEW.event <> 'submit' OR NEW.attempt <> 0 OR NEW.failures <> 0 OR NEW.losses <> 0 OR NEW.write_seq <> 0 OR NEW.kill_unconfirmed) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a new job must be PENDING. Nothing was written.'; END IF;
IF (NEW.started_at IS NOT NULL OR NEW.finished_at IS NOT NULL OR NEW.worker_id IS NOT NULL OR NEW.lease_until_us IS NOT NULL OR NEW.lease_epoch IS NOT NULL OR NEW.cancel_requested_at IS NOT NULL OR NEW.cancel_requested_by IS NOT NULL OR NEW.cancel_reason IS NOT NULL OR NEW.stop_cause IS NOT NULL OR NEW.result IS NOT NULL OR NEW.error IS NOT NULL OR NEW.reason IS NOT NULL OR NEW.progress IS NOT NULL OR NEW.proof IS NOT NULL OR NEW.exit_code IS NOT NULL OR NEW.exit_signal IS NOT NULL OR NEW.write_attempt IS NOT NULL OR NEW.write_proof IS NOT NULL OR NEW.event_reason IS NOT NULL) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a new job must not have results, errors, a lease or a cancel. Nothing was written.'; END IF;
IF (EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.id)) THEN RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = 'interlock: the id is taken. Nothing was written.'; END IF;
IF (EXISTS (SELECT 1 FROM interlock_history WHERE job_id = NEW.id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the id was used before. Nothing was written.'; END IF;
IF (EXISTS (SELECT 1 FROM interlock_attempt WHERE job_id = NEW.id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the id was used before. Nothing was written.'; END IF;
IF (NEW.unique_key IS NOT NULL AND EXISTS (SELECT 1 FROM interlock_job WHERE unique_key = NEW.unique_key AND status IN ('PENDING', 'RUNNING'))) THEN RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = 'interlock: the unique_key is taken. Nothing was written.'; END IF;
IF (NEW.idempotency_key IS NOT NULL AND EXISTS (SELECT 1 FROM interlock_job WHERE idempotency_key = NEW.idempotency_key)) THEN RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = 'interlock: the idempotency_key is taken. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_job_insert_log() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (TRUE) THEN INSERT INTO interlock_history (job_id, seq, event, source, target, at, actor, reason, attempt, position) VALUES (NEW.id, (SELECT coalesce(max(seq), 0) + 1 FROM interlock_history WHERE job_id = NEW.id), NEW.event, NULL, NEW.status, CASE WHEN TRUE THEN NEW.event_at ELSE clock_timestamp() END, CASE WHEN TRUE THEN NEW.actor ELSE 'sql' END, CASE WHEN TRUE THEN NEW.event_reason END, NEW.attempt, CAST(CAST(pg_current_xact_id() AS text) AS bigint) + coalesce((SELECT base FROM interlock_feed), 0)); END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_job_leave() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (NEW.status <> OLD.status AND OLD.status = 'RUNNING') THEN UPDATE interlock_attempt SET outcome = NEW.event, ended_at = NEW.event_at, exit_code = NEW.exit_code, exit_signal = NEW.exit_signal, proof = NEW.write_proof, error = NEW.error WHERE job_id = NEW.id AND attempt = OLD.attempt; END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_job_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (OLD.status IN ('CANCELED', 'FAILED', 'SUCCEEDED', 'TIMEOUT')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a terminal job never changes. Nothing was written.'; END IF;
IF ((NEW.id IS DISTINCT FROM OLD.id OR NEW.name IS DISTINCT FROM OLD.name OR CAST(NEW.params AS TEXT) IS DISTINCT FROM CAST(OLD.params AS TEXT) OR NEW.queue IS DISTINCT FROM OLD.queue OR NEW.priority IS DISTINCT FROM OLD.priority OR NEW.timeout_s IS DISTINCT FROM OLD.timeout_s OR NEW.grace_s IS DISTINCT FROM OLD.grace_s OR NEW.created_at IS DISTINCT FROM OLD.created_at OR NEW.expires_at IS DISTINCT FROM OLD.expires_at OR NEW.max_attempts IS DISTINCT FROM OLD.max_attempts OR NEW.retry_on_timeout IS DISTINCT FROM OLD.retry_on_timeout OR CAST(NEW.retry AS TEXT) IS DISTINCT FROM CAST(OLD.retry AS TEXT) OR NEW.max_losses IS DISTINCT FROM OLD.max_losses OR NEW.unique_key IS DISTINCT FROM OLD.unique_key OR NEW.idempotency_key IS DISTINCT FROM OLD.idempotency_key OR NEW.submitted_by IS DISTINCT FROM OLD.submitted_by OR CAST(NEW.metadata AS TEXT) IS DISTINCT FROM CAST(OLD.metadata AS TEXT) OR NEW.rerun_of IS DISTINCT FROM OLD.rerun_of OR NEW.parent_id IS DISTINCT FROM OLD.parent_id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: submitted columns never change. Nothing was written.'; END IF;
IF (NEW.write_seq NOT IN (OLD.write_seq, OLD.write_seq + 1)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: write_seq must grow by one. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NOT EXISTS (SELECT 1 FROM interlock_lifecycle AS row WHERE row.event = NEW.event AND row.source = OLD.status AND row.target = NEW.status)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: illegal transition. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event NOT IN ('cancel') AND NOT (NEW.write_seq = OLD.write_seq + 1)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: an event of a worker must carry write_attempt and the next write_seq. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'claim' AND ((NOT EXISTS (SELECT 1 FROM interlock_queue AS halted WHERE halted.name = OLD.queue AND halted.paused)) AND ((NOT EXISTS (SELECT 1 FROM interlock_limit AS l WHERE l.key = 'name:' || OLD.name) OR EXISTS (SELECT 1 FROM interlock_slot AS s WHERE s.key = 'name:' || OLD.name AND s.job_id = OLD.id AND s.attempt = OLD.attempt + 1)))) IS NOT TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the guards of claim are not met. Nothing was written.'; END IF;
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
IF (NEW.attempt <> OLD.attempt + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('claim') THEN 1 ELSE 0 END) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: attempt grows by one, only with its event. Nothing was written.'; END IF;
IF (NEW.failures <> OLD.failures + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('retry') THEN 1 ELSE 0 END) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: failures grows by one, only with its event. Nothing was written.'; END IF;
IF (NEW.losses <> OLD.losses + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('give_up', 'rescue') THEN 1 ELSE 0 END) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: losses grows by one, only with its event. Nothing was written.'; END IF;
IF (NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at AND NOT (NEW.event IN ('cancel', 'request_cancel') AND TRUE) OR (NEW.status = OLD.status AND NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at AND OLD.status <> 'RUNNING')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: cancel columns change only with the event cancel or request_cancel. Nothing was written.'; END IF;
IF (OLD.cancel_requested_at IS NOT NULL AND NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: an accepted cancel cannot be undone. Nothing was written.'; END IF;
IF (NOT (NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at) AND (NEW.cancel_requested_by IS DISTINCT FROM OLD.cancel_requested_by OR NEW.cancel_reason IS DISTINCT FROM OLD.cancel_reason)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: cancel_requested_by and cancel_reason are written once. Nothing was written.'; END IF;
IF (NEW.stop_cause IS NOT NULL AND OLD.stop_cause IS NULL AND NOT (NEW.event IN ('stop') AND NEW.status = OLD.status AND NEW.write_seq = OLD.write_seq + 1 AND NEW.write_attempt = OLD.attempt)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: stop_cause is set only by the event stop of the current attempt. Nothing was written.'; END IF;
IF (OLD.stop_cause IS NOT NULL AND NEW.stop_cause IS DISTINCT FROM OLD.stop_cause AND NOT (NEW.status <> OLD.status AND NEW.status = 'PENDING')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: stop_cause is set once in an attempt. Nothing was written.'; END IF;
IF (NEW.status = OLD.status AND (NEW.lease_until_us IS DISTINCT FROM OLD.lease_until_us OR NEW.lease_epoch IS DISTINCT FROM OLD.lease_epoch OR NEW.worker_id IS DISTINCT FROM OLD.worker_id) AND NOT (NEW.event = 'renew' AND NEW.write_seq = OLD.write_seq + 1 AND NEW.write_attempt = OLD.attempt AND NEW.worker_id IS NOT DISTINCT FROM OLD.worker_id)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a lease changes only when its attempt is claimed, renewed or ends. Nothing was written.'; END IF;
IF (NEW.started_at IS DISTINCT FROM OLD.started_at AND NOT (NEW.status <> OLD.status AND NEW.event = 'claim')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: started_at changes only with a claim. Nothing was written.'; END IF;
IF (NEW.proof IS DISTINCT FROM OLD.proof AND NOT (NEW.status <> OLD.status AND NEW.event IN ('cancel_lost', 'fail', 'finish_cancel', 'give_up', 'release', 'rescue', 'retry', 'succeed', 'time_out', 'time_out_lost'))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: proof is set only when the attempt ends. Nothing was written.'; END IF;
IF (NOT (NEW.write_seq = OLD.write_seq + 1) AND (CAST(NEW.error AS TEXT) IS DISTINCT FROM CAST(OLD.error AS TEXT) OR NEW.exit_code IS DISTINCT FROM OLD.exit_code OR NEW.run_at IS DISTINCT FROM OLD.run_at) AND NOT (NEW.status <> OLD.status AND NEW.event IN ('cancel'))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: results and errors are written only with an event of the engine. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event IN ('cancel_lost', 'expire', 'give_up', 'rescue', 'time_out_lost') AND OLD.kill_unconfirmed) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the job may still have processes (kill_unconfirmed). Nothing was written.'; END IF;
IF (OLD.kill_unconfirmed AND NOT NEW.kill_unconfirmed AND NOT (NEW.status <> OLD.status)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: kill_unconfirmed is cleared only when the attempt ends. Nothing was written.'; END IF;
IF (NEW.stop_cause NOT IN ('CANCEL', 'SHUTDOWN', 'TIMEOUT') OR NEW.proof NOT IN ('cgroup', 'group_unproven', 'inline', 'namespace', 'subreaper')) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: unknown stop_cause or proof. Nothing was written.'; END IF;
IF (NEW.status <> OLD.status AND NEW.event = 'cancel' AND NEW.cancel_requested_at IS NULL) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a cancel must set cancel_requested_at. Nothing was written.'; END IF;
IF (NOT (NEW.write_seq = OLD.write_seq + 1) AND NOT (NEW.status <> OLD.status OR NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at) AND (CAST(NEW.error AS TEXT) IS DISTINCT FROM CAST(OLD.error AS TEXT) OR NEW.reason IS DISTINCT FROM OLD.reason OR NEW.exit_code IS DISTINCT FROM OLD.exit_code OR NEW.exit_signal IS DISTINCT FROM OLD.exit_signal OR NEW.run_at IS DISTINCT FROM OLD.run_at OR CAST(NEW.result AS TEXT) IS DISTINCT FROM CAST(OLD.result AS TEXT) OR NEW.kill_unconfirmed IS DISTINCT FROM OLD.kill_unconfirmed OR NEW.event IS DISTINCT FROM OLD.event OR NEW.event_at IS DISTINCT FROM OLD.event_at OR NEW.event_reason IS DISTINCT FROM OLD.event_reason OR NEW.actor IS DISTINCT FROM OLD.actor OR NEW.write_attempt IS DISTINCT FROM OLD.write_attempt OR NEW.write_proof IS DISTINCT FROM OLD.write_proof)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: event columns are written only by the engine. Nothing was written.'; END IF;
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
    SET search_path TO 'public'
    AS $$BEGIN
IF ((NEW.status <> OLD.status) OR (NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at) OR (NEW.stop_cause IS NOT NULL AND OLD.stop_cause IS NULL)) THEN INSERT INTO interlock_history (job_id, seq, event, source, target, at, actor, reason, attempt, position) VALUES (NEW.id, (SELECT coalesce(max(seq), 0) + 1 FROM interlock_history WHERE job_id = NEW.id), NEW.event, OLD.status, NEW.status, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.event_at ELSE clock_timestamp() END, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.actor ELSE 'sql' END, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.event_reason END, NEW.attempt, CAST(CAST(pg_current_xact_id() AS text) AS bigint) + coalesce((SELECT base FROM interlock_feed), 0)); END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_job_wake_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (TRUE) THEN PERFORM pg_notify('interlock', ''); END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_job_wake_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (NEW.status <> OLD.status OR (NEW.held_by IS NULL AND OLD.held_by IS NOT NULL) OR NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at) THEN PERFORM pg_notify('interlock', ''); END IF;
RETURN NULL;
END$$;
CREATE FUNCTION public.interlock_lifecycle_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the lifecycle table is read-only. Nothing was written.'; END IF;
RETURN OLD;
END$$;
CREATE FUNCTION public.interlock_lifecycle_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the lifecycle table is read-only. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_lifecycle_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the lifecycle table is read-only. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_slot_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (EXISTS (SELECT 1 FROM interlock_job WHERE id = OLD.job_id AND status = 'RUNNING' AND attempt = OLD.attempt)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a slot is freed only when its attempt ends. Nothing was written.'; END IF;
RETURN OLD;
END$$;
CREATE FUNCTION public.interlock_slot_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (NOT EXISTS (SELECT 1 FROM interlock_job AS job WHERE job.id = NEW.job_id AND NEW.key = 'name:' || job.name AND (job.status = 'PENDING' AND job.attempt + 1 = NEW.attempt OR job.status = 'RUNNING' AND job.attempt = NEW.attempt))) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a slot needs a job with its key that is claimed now or runs. Nothing was written.'; END IF;
IF (EXISTS (SELECT 1 FROM interlock_job AS job WHERE job.id = NEW.job_id AND NEW.key = 'name:' || job.name AND job.status = 'PENDING' AND job.attempt + 1 = NEW.attempt) AND NOT EXISTS (SELECT 1 FROM interlock_limit AS l WHERE l.key = NEW.key AND NEW.number >= 1 AND NEW.number + (SELECT count(*) FROM interlock_slot AS s WHERE s.key = NEW.key AND s.number > NEW.number) <= l.max_running)) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: the limit of the key is reached. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_slot_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
IF (TRUE) THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: a slot never changes. Nothing was written.'; END IF;
RETURN NEW;
END$$;
CREATE FUNCTION public.interlock_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public'
    AS $$BEGIN
RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'interlock: this table must not be truncated. Nothing was written.';
END$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.interlock_answer (
    key character varying NOT NULL,
    request character varying NOT NULL,
    text character varying,
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.interlock_attempt (
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
    error json,
    peak_memory_bytes bigint,
    cpu_seconds double precision
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_insert_scale_factor='0.05', autovacuum_analyze_scale_factor='0.02');
CREATE TABLE public.interlock_feed (
    id integer NOT NULL,
    place character varying,
    base bigint NOT NULL,
    tallied bigint NOT NULL
);
CREATE TABLE public.interlock_history (
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
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_insert_scale_factor='0.05', autovacuum_analyze_scale_factor='0.02');
CREATE TABLE public.interlock_job (
    id character varying NOT NULL,
    name character varying NOT NULL,
    queue character varying NOT NULL,
    params json NOT NULL,
    priority integer NOT NULL,
    timeout_s double precision,
    grace_s double precision NOT NULL,
    created_at timestamp with time zone NOT NULL,
    run_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    max_attempts integer NOT NULL,
    retry_on_timeout boolean NOT NULL,
    retry json NOT NULL,
    max_losses integer NOT NULL,
    unique_key character varying,
    idempotency_key character varying,
    submitted_by character varying,
    metadata json NOT NULL,
    rerun_of character varying,
    parent_id character varying,
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
    result json,
    error json,
    progress json,
    exit_code integer,
    exit_signal integer,
    held_by character varying,
    write_seq integer NOT NULL,
    write_attempt integer,
    write_proof character varying,
    event character varying NOT NULL,
    event_at timestamp with time zone NOT NULL,
    event_reason character varying,
    actor character varying NOT NULL,
    CONSTRAINT ck_interlock_job_counters CHECK (((attempt >= 0) AND (failures >= 0) AND (losses >= 0))),
    CONSTRAINT ck_interlock_job_finished CHECK ((((status)::text = ANY ((ARRAY['CANCELED'::character varying, 'FAILED'::character varying, 'SUCCEEDED'::character varying, 'TIMEOUT'::character varying])::text[])) = (finished_at IS NOT NULL))),
    CONSTRAINT ck_interlock_job_leased CHECK ((((status)::text = 'RUNNING'::text) = ((lease_until_us IS NOT NULL) AND (lease_epoch IS NOT NULL)))),
    CONSTRAINT ck_interlock_job_owned CHECK ((((status)::text <> 'RUNNING'::text) OR ((worker_id IS NOT NULL) AND (started_at IS NOT NULL)))),
    CONSTRAINT ck_interlock_job_pending CHECK ((((status)::text <> 'PENDING'::text) OR ((stop_cause IS NULL) AND (proof IS NULL) AND (lease_until_us IS NULL) AND (lease_epoch IS NULL)))),
    CONSTRAINT ck_interlock_job_result CHECK (((result IS NULL) OR ((status)::text = 'SUCCEEDED'::text))),
    CONSTRAINT ck_interlock_job_status CHECK (((status)::text = ANY ((ARRAY['CANCELED'::character varying, 'FAILED'::character varying, 'PENDING'::character varying, 'RUNNING'::character varying, 'SUCCEEDED'::character varying, 'TIMEOUT'::character varying])::text[])))
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_insert_scale_factor='0.05', autovacuum_analyze_scale_factor='0.02');
CREATE TABLE public.interlock_lifecycle (
    event character varying NOT NULL,
    source character varying NOT NULL,
    target character varying NOT NULL,
    who character varying NOT NULL
);
CREATE TABLE public.interlock_limit (
    key character varying NOT NULL,
    max_running integer NOT NULL
);
CREATE TABLE public.interlock_log (
    seq bigint NOT NULL,
    job_id character varying NOT NULL,
    attempt integer NOT NULL,
    at timestamp with time zone NOT NULL,
    stream character varying NOT NULL,
    text character varying NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_insert_scale_factor='0.05', autovacuum_analyze_scale_factor='0.02');
CREATE SEQUENCE public.interlock_log_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.interlock_log_seq_seq OWNED BY public.interlock_log.seq;
CREATE TABLE public.interlock_queue (
    name character varying NOT NULL,
    paused boolean NOT NULL
);
CREATE TABLE public.interlock_rejection (
    id bigint NOT NULL,
    job_id character varying NOT NULL,
    event character varying NOT NULL,
    status character varying NOT NULL,
    at timestamp with time zone NOT NULL,
    actor character varying NOT NULL,
    attempt integer,
    why character varying NOT NULL
);
CREATE SEQUENCE public.interlock_rejection_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.interlock_rejection_id_seq OWNED BY public.interlock_rejection.id;
CREATE TABLE public.interlock_schema_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.interlock_slot (
    key character varying NOT NULL,
    number integer NOT NULL,
    job_id character varying NOT NULL,
    attempt integer NOT NULL
);
CREATE TABLE public.interlock_tally (
    name character varying NOT NULL,
    status character varying NOT NULL,
    jobs bigint NOT NULL
);
CREATE TABLE public.interlock_worker (
    id character varying NOT NULL,
    host character varying NOT NULL,
    pid integer NOT NULL,
    boot_id character varying NOT NULL,
    containment character varying NOT NULL,
    concurrency integer NOT NULL,
    queues json,
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    domain character varying,
    lease_s double precision,
    jobs json,
    place character varying,
    trouble character varying
);
ALTER TABLE ONLY public.interlock_log ALTER COLUMN seq SET DEFAULT nextval('public.interlock_log_seq_seq'::regclass);
ALTER TABLE ONLY public.interlock_rejection ALTER COLUMN id SET DEFAULT nextval('public.interlock_rejection_id_seq'::regclass);
INSERT INTO public.interlock_attempt VALUES ('done', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, '2026-01-01 12:00:00+00', 'succeed', 3, NULL, 'cgroup', NULL, NULL, NULL);
INSERT INTO public.interlock_attempt VALUES ('runs', 1, 'w1', '2026-01-01 12:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.interlock_feed VALUES (1, '7712857103996504202/134096/1', 0, 0);
INSERT INTO public.interlock_history VALUES ('waits', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 72508);
INSERT INTO public.interlock_history VALUES ('later', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 72509);
INSERT INTO public.interlock_history VALUES ('done', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 72510);
INSERT INTO public.interlock_history VALUES ('done', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 72511);
INSERT INTO public.interlock_history VALUES ('done', 3, 'succeed', 'RUNNING', 'SUCCEEDED', '2026-01-01 12:00:00+00', 'w1', 'returned', 1, 72512);
INSERT INTO public.interlock_history VALUES ('runs', 1, 'submit', NULL, 'PENDING', '2026-01-01 12:00:00+00', 'client', NULL, 0, 72513);
INSERT INTO public.interlock_history VALUES ('runs', 2, 'claim', 'PENDING', 'RUNNING', '2026-01-01 12:00:00+00', 'w1', NULL, 1, 72514);
INSERT INTO public.interlock_job VALUES ('waits', 'add', 'q', '{"a": 1}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}', 5, NULL, NULL, NULL, '{}', NULL, NULL, 'PENDING', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, 'submit', '2026-01-01 12:00:00+00', NULL, 'client');
INSERT INTO public.interlock_job VALUES ('later', 'add', 'q', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 13:00:00+00', NULL, 1, false, '{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}', 5, NULL, NULL, NULL, '{}', NULL, NULL, 'PENDING', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, 'due', 0, NULL, NULL, 'submit', '2026-01-01 12:00:00+00', NULL, 'client');
INSERT INTO public.interlock_job VALUES ('done', 'add', 'q2', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}', 5, NULL, NULL, NULL, '{}', NULL, 'waits', 'SUCCEEDED', 'returned', 1, 0, 0, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', 'w1', NULL, NULL, NULL, NULL, NULL, NULL, 'cgroup', false, '{"n": 1}', NULL, NULL, 3, NULL, NULL, 2, 1, 'cgroup', 'succeed', '2026-01-01 12:00:00+00', 'returned', 'w1');
INSERT INTO public.interlock_job VALUES ('runs', 'add', 'q3', '{}', 0, NULL, 2, '2026-01-01 12:00:00+00', '2026-01-01 12:00:00+00', NULL, 1, false, '{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}', 5, NULL, NULL, NULL, '{}', NULL, NULL, 'RUNNING', NULL, 1, 0, 0, '2026-01-01 12:00:00+00', NULL, 'w1', 1030000000, 'postgresql', NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, 1, 1, NULL, 'claim', '2026-01-01 12:00:00+00', NULL, 'w1');
INSERT INTO public.interlock_lifecycle VALUES ('claim', 'PENDING', 'RUNNING', 'worker');
INSERT INTO public.interlock_lifecycle VALUES ('cancel', 'PENDING', 'CANCELED', 'client');
INSERT INTO public.interlock_lifecycle VALUES ('expire', 'PENDING', 'CANCELED', 'reaper');
INSERT INTO public.interlock_lifecycle VALUES ('succeed', 'RUNNING', 'SUCCEEDED', 'worker');
INSERT INTO public.interlock_lifecycle VALUES ('fail', 'RUNNING', 'FAILED', 'worker');
INSERT INTO public.interlock_lifecycle VALUES ('retry', 'RUNNING', 'PENDING', 'worker');
INSERT INTO public.interlock_lifecycle VALUES ('time_out', 'RUNNING', 'TIMEOUT', 'worker');
INSERT INTO public.interlock_lifecycle VALUES ('finish_cancel', 'RUNNING', 'CANCELED', 'worker');
INSERT INTO public.interlock_lifecycle VALUES ('release', 'RUNNING', 'PENDING', 'worker');
INSERT INTO public.interlock_lifecycle VALUES ('rescue', 'RUNNING', 'PENDING', 'reaper');
INSERT INTO public.interlock_lifecycle VALUES ('give_up', 'RUNNING', 'FAILED', 'reaper');
INSERT INTO public.interlock_lifecycle VALUES ('time_out_lost', 'RUNNING', 'TIMEOUT', 'reaper');
INSERT INTO public.interlock_lifecycle VALUES ('cancel_lost', 'RUNNING', 'CANCELED', 'reaper');
INSERT INTO public.interlock_schema_version VALUES ('0006');
SELECT pg_catalog.setval('public.interlock_log_seq_seq', 1, false);
SELECT pg_catalog.setval('public.interlock_rejection_id_seq', 1, false);
ALTER TABLE ONLY public.interlock_schema_version
    ADD CONSTRAINT interlock_schema_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.interlock_answer
    ADD CONSTRAINT pk_interlock_answer PRIMARY KEY (key);
ALTER TABLE ONLY public.interlock_attempt
    ADD CONSTRAINT pk_interlock_attempt PRIMARY KEY (job_id, attempt);
ALTER TABLE ONLY public.interlock_feed
    ADD CONSTRAINT pk_interlock_feed PRIMARY KEY (id);
ALTER TABLE ONLY public.interlock_history
    ADD CONSTRAINT pk_interlock_history PRIMARY KEY (job_id, seq);
ALTER TABLE ONLY public.interlock_job
    ADD CONSTRAINT pk_interlock_job PRIMARY KEY (id);
ALTER TABLE ONLY public.interlock_lifecycle
    ADD CONSTRAINT pk_interlock_lifecycle PRIMARY KEY (event);
ALTER TABLE ONLY public.interlock_limit
    ADD CONSTRAINT pk_interlock_limit PRIMARY KEY (key);
ALTER TABLE ONLY public.interlock_log
    ADD CONSTRAINT pk_interlock_log PRIMARY KEY (seq);
ALTER TABLE ONLY public.interlock_queue
    ADD CONSTRAINT pk_interlock_queue PRIMARY KEY (name);
ALTER TABLE ONLY public.interlock_rejection
    ADD CONSTRAINT pk_interlock_rejection PRIMARY KEY (id);
ALTER TABLE ONLY public.interlock_slot
    ADD CONSTRAINT pk_interlock_slot PRIMARY KEY (key, number);
ALTER TABLE ONLY public.interlock_tally
    ADD CONSTRAINT pk_interlock_tally PRIMARY KEY (name, status);
ALTER TABLE ONLY public.interlock_worker
    ADD CONSTRAINT pk_interlock_worker PRIMARY KEY (id);
CREATE INDEX ix_interlock_answer_until ON public.interlock_answer USING btree (until);
CREATE INDEX ix_interlock_history_feed ON public.interlock_history USING btree ("position", job_id, seq);
CREATE INDEX ix_interlock_job_due ON public.interlock_job USING btree (run_at) WHERE (((status)::text = 'PENDING'::text) AND ((held_by)::text = 'due'::text));
CREATE INDEX ix_interlock_job_expiry ON public.interlock_job USING btree (expires_at) WHERE (((status)::text = 'PENDING'::text) AND (expires_at IS NOT NULL));
CREATE INDEX ix_interlock_job_finished ON public.interlock_job USING btree (finished_at, id) WHERE (finished_at IS NOT NULL);
CREATE INDEX ix_interlock_job_held ON public.interlock_job USING btree (held_by, priority DESC, id) WHERE (((status)::text = 'PENDING'::text) AND (held_by IS NOT NULL) AND ((held_by)::text <> 'due'::text));
CREATE INDEX ix_interlock_job_kind ON public.interlock_job USING btree (name, priority DESC, id) WHERE (((status)::text = 'PENDING'::text) AND ((COALESCE(held_by, 'kind'::character varying))::text = 'kind'::text));
CREATE INDEX ix_interlock_job_lane ON public.interlock_job USING btree (name, queue, priority DESC, id) WHERE (((status)::text = 'PENDING'::text) AND ((COALESCE(held_by, 'lane'::character varying))::text = 'lane'::text));
CREATE INDEX ix_interlock_job_name ON public.interlock_job USING btree (name, id);
CREATE INDEX ix_interlock_job_open ON public.interlock_job USING btree (priority DESC, id) WHERE (((status)::text = 'PENDING'::text) AND ((COALESCE(held_by, 'open'::character varying))::text = 'open'::text));
CREATE INDEX ix_interlock_job_running ON public.interlock_job USING btree (name, worker_id) WHERE ((status)::text = 'RUNNING'::text);
CREATE INDEX ix_interlock_job_status ON public.interlock_job USING btree (status, id);
CREATE INDEX ix_interlock_job_waiting ON public.interlock_job USING btree (queue) WHERE ((status)::text = 'PENDING'::text);
CREATE INDEX ix_interlock_log_job_id_seq ON public.interlock_log USING btree (job_id, seq);
CREATE INDEX ix_interlock_rejection_job_id ON public.interlock_rejection USING btree (job_id);
CREATE INDEX ix_interlock_slot_job_id ON public.interlock_slot USING btree (job_id);
CREATE UNIQUE INDEX uq_interlock_job_idempotency_key ON public.interlock_job USING btree (idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE UNIQUE INDEX uq_interlock_job_unique_key ON public.interlock_job USING btree (unique_key) WHERE ((unique_key IS NOT NULL) AND ((status)::text = ANY ((ARRAY['PENDING'::character varying, 'RUNNING'::character varying])::text[])));
CREATE TRIGGER interlock_attempt_delete BEFORE DELETE ON public.interlock_attempt FOR EACH ROW EXECUTE FUNCTION public.interlock_attempt_delete();
ALTER TABLE public.interlock_attempt ENABLE ALWAYS TRIGGER interlock_attempt_delete;
CREATE TRIGGER interlock_attempt_insert BEFORE INSERT ON public.interlock_attempt FOR EACH ROW EXECUTE FUNCTION public.interlock_attempt_insert();
ALTER TABLE public.interlock_attempt ENABLE ALWAYS TRIGGER interlock_attempt_insert;
CREATE TRIGGER interlock_attempt_truncate BEFORE TRUNCATE ON public.interlock_attempt FOR EACH STATEMENT EXECUTE FUNCTION public.interlock_truncate();
ALTER TABLE public.interlock_attempt ENABLE ALWAYS TRIGGER interlock_attempt_truncate;
CREATE TRIGGER interlock_attempt_update BEFORE UPDATE ON public.interlock_attempt FOR EACH ROW EXECUTE FUNCTION public.interlock_attempt_update();
ALTER TABLE public.interlock_attempt ENABLE ALWAYS TRIGGER interlock_attempt_update;
CREATE TRIGGER interlock_history_delete BEFORE DELETE ON public.interlock_history FOR EACH ROW EXECUTE FUNCTION public.interlock_history_delete();
ALTER TABLE public.interlock_history ENABLE ALWAYS TRIGGER interlock_history_delete;
CREATE TRIGGER interlock_history_insert BEFORE INSERT ON public.interlock_history FOR EACH ROW EXECUTE FUNCTION public.interlock_history_insert();
ALTER TABLE public.interlock_history ENABLE ALWAYS TRIGGER interlock_history_insert;
CREATE TRIGGER interlock_history_truncate BEFORE TRUNCATE ON public.interlock_history FOR EACH STATEMENT EXECUTE FUNCTION public.interlock_truncate();
ALTER TABLE public.interlock_history ENABLE ALWAYS TRIGGER interlock_history_truncate;
CREATE TRIGGER interlock_history_update BEFORE UPDATE ON public.interlock_history FOR EACH ROW EXECUTE FUNCTION public.interlock_history_update();
ALTER TABLE public.interlock_history ENABLE ALWAYS TRIGGER interlock_history_update;
CREATE TRIGGER interlock_job_claim AFTER UPDATE ON public.interlock_job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_claim();
ALTER TABLE public.interlock_job ENABLE ALWAYS TRIGGER interlock_job_claim;
CREATE TRIGGER interlock_job_delete BEFORE DELETE ON public.interlock_job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_delete();
ALTER TABLE public.interlock_job ENABLE ALWAYS TRIGGER interlock_job_delete;
CREATE TRIGGER interlock_job_free AFTER UPDATE ON public.interlock_job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_free();
ALTER TABLE public.interlock_job ENABLE ALWAYS TRIGGER interlock_job_free;
CREATE TRIGGER interlock_job_insert BEFORE INSERT ON public.interlock_job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_insert();
ALTER TABLE public.interlock_job ENABLE ALWAYS TRIGGER interlock_job_insert;
CREATE TRIGGER interlock_job_insert_log AFTER INSERT ON public.interlock_job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_insert_log();
ALTER TABLE public.interlock_job ENABLE ALWAYS TRIGGER interlock_job_insert_log;
CREATE TRIGGER interlock_job_leave AFTER UPDATE ON public.interlock_job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_leave();
ALTER TABLE public.interlock_job ENABLE ALWAYS TRIGGER interlock_job_leave;
CREATE TRIGGER interlock_job_truncate BEFORE TRUNCATE ON public.interlock_job FOR EACH STATEMENT EXECUTE FUNCTION public.interlock_truncate();
ALTER TABLE public.interlock_job ENABLE ALWAYS TRIGGER interlock_job_truncate;
CREATE TRIGGER interlock_job_update BEFORE UPDATE ON public.interlock_job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_update();
ALTER TABLE public.interlock_job ENABLE ALWAYS TRIGGER interlock_job_update;
CREATE TRIGGER interlock_job_update_log AFTER UPDATE ON public.interlock_job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_update_log();
ALTER TABLE public.interlock_job ENABLE ALWAYS TRIGGER interlock_job_update_log;
CREATE TRIGGER interlock_job_wake_insert AFTER INSERT ON public.interlock_job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_wake_insert();
ALTER TABLE public.interlock_job ENABLE ALWAYS TRIGGER interlock_job_wake_insert;
CREATE TRIGGER interlock_job_wake_update AFTER UPDATE ON public.interlock_job FOR EACH ROW EXECUTE FUNCTION public.interlock_job_wake_update();
ALTER TABLE public.interlock_job ENABLE ALWAYS TRIGGER interlock_job_wake_update;
CREATE TRIGGER interlock_lifecycle_delete BEFORE DELETE ON public.interlock_lifecycle FOR EACH ROW EXECUTE FUNCTION public.interlock_lifecycle_delete();
ALTER TABLE public.interlock_lifecycle ENABLE ALWAYS TRIGGER interlock_lifecycle_delete;
CREATE TRIGGER interlock_lifecycle_insert BEFORE INSERT ON public.interlock_lifecycle FOR EACH ROW EXECUTE FUNCTION public.interlock_lifecycle_insert();
ALTER TABLE public.interlock_lifecycle ENABLE ALWAYS TRIGGER interlock_lifecycle_insert;
CREATE TRIGGER interlock_lifecycle_truncate BEFORE TRUNCATE ON public.interlock_lifecycle FOR EACH STATEMENT EXECUTE FUNCTION public.interlock_truncate();
ALTER TABLE public.interlock_lifecycle ENABLE ALWAYS TRIGGER interlock_lifecycle_truncate;
CREATE TRIGGER interlock_lifecycle_update BEFORE UPDATE ON public.interlock_lifecycle FOR EACH ROW EXECUTE FUNCTION public.interlock_lifecycle_update();
ALTER TABLE public.interlock_lifecycle ENABLE ALWAYS TRIGGER interlock_lifecycle_update;
CREATE TRIGGER interlock_slot_delete BEFORE DELETE ON public.interlock_slot FOR EACH ROW EXECUTE FUNCTION public.interlock_slot_delete();
ALTER TABLE public.interlock_slot ENABLE ALWAYS TRIGGER interlock_slot_delete;
CREATE TRIGGER interlock_slot_insert BEFORE INSERT ON public.interlock_slot FOR EACH ROW EXECUTE FUNCTION public.interlock_slot_insert();
ALTER TABLE public.interlock_slot ENABLE ALWAYS TRIGGER interlock_slot_insert;
CREATE TRIGGER interlock_slot_truncate BEFORE TRUNCATE ON public.interlock_slot FOR EACH STATEMENT EXECUTE FUNCTION public.interlock_truncate();
ALTER TABLE public.interlock_slot ENABLE ALWAYS TRIGGER interlock_slot_truncate;
CREATE TRIGGER interlock_slot_update BEFORE UPDATE ON public.interlock_slot FOR EACH ROW EXECUTE FUNCTION public.interlock_slot_update();
ALTER TABLE public.interlock_slot ENABLE ALWAYS TRIGGER interlock_slot_update;
