PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE interlock_job (
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	queue VARCHAR NOT NULL, 
	params TEXT NOT NULL, 
	priority INTEGER NOT NULL, 
	timeout_s FLOAT, 
	grace_s FLOAT NOT NULL, 
	created_at BIGINT NOT NULL, 
	run_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	max_attempts INTEGER NOT NULL, 
	retry_on_timeout BOOLEAN NOT NULL, 
	retry TEXT NOT NULL, 
	max_losses INTEGER NOT NULL, 
	unique_key VARCHAR, 
	idempotency_key VARCHAR, 
	submitted_by VARCHAR, 
	metadata TEXT NOT NULL, 
	rerun_of VARCHAR, 
	parent_id VARCHAR, 
	status VARCHAR NOT NULL, 
	reason VARCHAR, 
	attempt INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	losses INTEGER NOT NULL, 
	started_at BIGINT, 
	finished_at BIGINT, 
	worker_id VARCHAR, 
	lease_until_us BIGINT, 
	lease_epoch VARCHAR, 
	cancel_requested_at BIGINT, 
	cancel_requested_by VARCHAR, 
	cancel_reason VARCHAR, 
	stop_cause VARCHAR, 
	proof VARCHAR, 
	kill_unconfirmed BOOLEAN NOT NULL, 
	result TEXT, 
	error TEXT, 
	progress TEXT, 
	exit_code INTEGER, 
	exit_signal INTEGER, 
	held_by VARCHAR, 
	write_seq INTEGER NOT NULL, 
	write_attempt INTEGER, 
	write_proof VARCHAR, 
	event VARCHAR NOT NULL, 
	event_at BIGINT NOT NULL, 
	event_reason VARCHAR, 
	actor VARCHAR NOT NULL, 
	CONSTRAINT pk_interlock_job PRIMARY KEY (id), 
	CONSTRAINT ck_interlock_job_status CHECK (status IN ('CANCELED', 'FAILED', 'PENDING', 'RUNNING', 'SUCCEEDED', 'TIMEOUT')), 
	CONSTRAINT ck_interlock_job_finished CHECK ((status IN ('CANCELED', 'FAILED', 'SUCCEEDED', 'TIMEOUT')) = (finished_at IS NOT NULL)), 
	CONSTRAINT ck_interlock_job_leased CHECK ((status = 'RUNNING') = (lease_until_us IS NOT NULL AND lease_epoch IS NOT NULL)), 
	CONSTRAINT ck_interlock_job_owned CHECK (status <> 'RUNNING' OR (worker_id IS NOT NULL AND started_at IS NOT NULL)), 
	CONSTRAINT ck_interlock_job_result CHECK (result IS NULL OR status = 'SUCCEEDED'), 
	CONSTRAINT ck_interlock_job_pending CHECK (status <> 'PENDING' OR (stop_cause IS NULL AND proof IS NULL AND lease_until_us IS NULL AND lease_epoch IS NULL)), 
	CONSTRAINT ck_interlock_job_counters CHECK (attempt >= 0 AND failures >= 0 AND losses >= 0)
)
 WITHOUT ROWID

;
INSERT INTO interlock_job VALUES('done','add','q2','{}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,'waits','SUCCEEDED','returned',1,0,0,1767268800000000,1767268800000000,'w1',NULL,NULL,NULL,NULL,NULL,NULL,'cgroup',0,'{"n": 1}',NULL,NULL,3,NULL,NULL,2,1,'cgroup','succeed',1767268800000000,'returned','w1');
INSERT INTO interlock_job VALUES('later','add','q','{}',0,NULL,2.0,1767268800000000,1767272400000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,NULL,'PENDING',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,'due',0,NULL,NULL,'submit',1767268800000000,NULL,'client');
INSERT INTO interlock_job VALUES('runs','add','q3','{}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,NULL,'RUNNING',NULL,1,0,0,1767268800000000,NULL,'w1',1030000000,'4e5f87d1-7533-4f70-9466-223f211419f0',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,1,1,NULL,'claim',1767268800000000,NULL,'w1');
INSERT INTO interlock_job VALUES('waits','add','q','{"a": 1}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,NULL,'PENDING',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'submit',1767268800000000,NULL,'client');
CREATE TABLE interlock_attempt (
	job_id VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker_id VARCHAR NOT NULL, 
	claimed_at BIGINT NOT NULL, 
	pid INTEGER, 
	containment VARCHAR, 
	started_at BIGINT, 
	ended_at BIGINT, 
	outcome VARCHAR, 
	exit_code INTEGER, 
	exit_signal INTEGER, 
	proof VARCHAR, 
	error TEXT, 
	peak_memory_bytes BIGINT, 
	cpu_seconds FLOAT, 
	CONSTRAINT pk_interlock_attempt PRIMARY KEY (job_id, attempt)
)
 WITHOUT ROWID

;
INSERT INTO interlock_attempt VALUES('done',1,'w1',1767268800000000,NULL,NULL,NULL,1767268800000000,'succeed',3,NULL,'cgroup',NULL,NULL,NULL);
INSERT INTO interlock_attempt VALUES('runs',1,'w1',1767268800000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE interlock_history (
	job_id VARCHAR NOT NULL, 
	seq INTEGER NOT NULL, 
	event VARCHAR NOT NULL, 
	source VARCHAR, 
	target VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR, 
	attempt INTEGER NOT NULL, 
	position BIGINT DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_interlock_history PRIMARY KEY (job_id, seq)
)
 WITHOUT ROWID

;
INSERT INTO interlock_history VALUES('done',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,3);
INSERT INTO interlock_history VALUES('done',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,4);
INSERT INTO interlock_history VALUES('done',3,'succeed','RUNNING','SUCCEEDED',1767268800000000,'w1','returned',1,5);
INSERT INTO interlock_history VALUES('later',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,2);
INSERT INTO interlock_history VALUES('runs',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,6);
INSERT INTO interlock_history VALUES('runs',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,7);
INSERT INTO interlock_history VALUES('waits',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,1);
CREATE TABLE interlock_feed (
	id INTEGER NOT NULL, 
	place VARCHAR, 
	base BIGINT NOT NULL, 
	tallied BIGINT NOT NULL, 
	CONSTRAINT pk_interlock_feed PRIMARY KEY (id)
);
INSERT INTO interlock_feed VALUES(1,'65024/2146778',0,0);
CREATE TABLE interlock_tally (
	name VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	jobs BIGINT NOT NULL, 
	CONSTRAINT pk_interlock_tally PRIMARY KEY (name, status)
);
CREATE TABLE interlock_lifecycle (
	event VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	target VARCHAR NOT NULL, 
	who VARCHAR NOT NULL, 
	CONSTRAINT pk_interlock_lifecycle PRIMARY KEY (event)
);
INSERT INTO interlock_lifecycle VALUES('claim','PENDING','RUNNING','worker');
INSERT INTO interlock_lifecycle VALUES('cancel','PENDING','CANCELED','client');
INSERT INTO interlock_lifecycle VALUES('expire','PENDING','CANCELED','reaper');
INSERT INTO interlock_lifecycle VALUES('succeed','RUNNING','SUCCEEDED','worker');
INSERT INTO interlock_lifecycle VALUES('fail','RUNNING','FAILED','worker');
INSERT INTO interlock_lifecycle VALUES('retry','RUNNING','PENDING','worker');
INSERT INTO interlock_lifecycle VALUES('time_out','RUNNING','TIMEOUT','worker');
INSERT INTO interlock_lifecycle VALUES('finish_cancel','RUNNING','CANCELED','worker');
INSERT INTO interlock_lifecycle VALUES('release','RUNNING','PENDING','worker');
INSERT INTO interlock_lifecycle VALUES('rescue','RUNNING','PENDING','reaper');
INSERT INTO interlock_lifecycle VALUES('give_up','RUNNING','FAILED','reaper');
INSERT INTO interlock_lifecycle VALUES('time_out_lost','RUNNING','TIMEOUT','reaper');
INSERT INTO interlock_lifecycle VALUES('cancel_lost','RUNNING','CANCELED','reaper');
CREATE TABLE interlock_rejection (
	id INTEGER NOT NULL, 
	job_id VARCHAR NOT NULL, 
	event VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	actor VARCHAR NOT NULL, 
	attempt INTEGER, 
	why VARCHAR NOT NULL, 
	CONSTRAINT pk_interlock_rejection PRIMARY KEY (id)
);
CREATE TABLE interlock_log (
	seq INTEGER NOT NULL, 
	job_id VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	stream VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	CONSTRAINT pk_interlock_log PRIMARY KEY (seq)
);
CREATE TABLE interlock_queue (
	name VARCHAR NOT NULL, 
	paused BOOLEAN NOT NULL, 
	CONSTRAINT pk_interlock_queue PRIMARY KEY (name)
);
CREATE TABLE interlock_limit (
	"key" VARCHAR NOT NULL, 
	max_running INTEGER NOT NULL, 
	CONSTRAINT pk_interlock_limit PRIMARY KEY ("key")
);
CREATE TABLE interlock_slot (
	"key" VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	job_id VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	CONSTRAINT pk_interlock_slot PRIMARY KEY ("key", number)
)
 WITHOUT ROWID

;
CREATE TABLE interlock_answer (
	"key" VARCHAR NOT NULL, 
	request VARCHAR NOT NULL, 
	text VARCHAR, 
	until BIGINT NOT NULL, 
	CONSTRAINT pk_interlock_answer PRIMARY KEY ("key")
);
CREATE TABLE interlock_worker (
	id VARCHAR NOT NULL, 
	host VARCHAR NOT NULL, 
	pid INTEGER NOT NULL, 
	boot_id VARCHAR NOT NULL, 
	containment VARCHAR NOT NULL, 
	concurrency INTEGER NOT NULL, 
	queues TEXT, 
	started_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	domain VARCHAR, 
	lease_s FLOAT, 
	jobs TEXT, 
	place VARCHAR, 
	trouble VARCHAR, 
	CONSTRAINT pk_interlock_worker PRIMARY KEY (id)
);
CREATE TABLE interlock_schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT interlock_schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO interlock_schema_version VALUES('0006');
CREATE INDEX ix_interlock_job_held ON interlock_job (held_by, priority DESC, id) WHERE status = 'PENDING' AND held_by IS NOT NULL AND held_by <> 'due';
CREATE INDEX ix_interlock_job_expiry ON interlock_job (expires_at) WHERE status = 'PENDING' AND expires_at IS NOT NULL;
CREATE INDEX ix_interlock_job_open ON interlock_job (priority DESC, id) WHERE status = 'PENDING' AND coalesce(held_by, 'open') = 'open';
CREATE INDEX ix_interlock_job_kind ON interlock_job (name, priority DESC, id) WHERE status = 'PENDING' AND coalesce(held_by, 'kind') = 'kind';
CREATE INDEX ix_interlock_job_lane ON interlock_job (name, queue, priority DESC, id) WHERE status = 'PENDING' AND coalesce(held_by, 'lane') = 'lane';
CREATE INDEX ix_interlock_job_due ON interlock_job (run_at) WHERE status = 'PENDING' AND held_by = 'due';
CREATE UNIQUE INDEX uq_interlock_job_unique_key ON interlock_job (unique_key) WHERE unique_key IS NOT NULL AND status IN ('PENDING', 'RUNNING');
CREATE INDEX ix_interlock_job_finished ON interlock_job (finished_at, id) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX uq_interlock_job_idempotency_key ON interlock_job (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX ix_interlock_job_name ON interlock_job (name, id);
CREATE INDEX ix_interlock_job_waiting ON interlock_job (queue) WHERE status = 'PENDING';
CREATE INDEX ix_interlock_job_running ON interlock_job (name, worker_id) WHERE status = 'RUNNING';
CREATE INDEX ix_interlock_job_status ON interlock_job (status, id);
CREATE INDEX ix_interlock_history_feed ON interlock_history (position, job_id, seq);
CREATE INDEX ix_interlock_rejection_job_id ON interlock_rejection (job_id);
CREATE INDEX ix_interlock_log_job_id_seq ON interlock_log (job_id, seq);
CREATE INDEX ix_interlock_slot_job_id ON interlock_slot (job_id);
CREATE INDEX ix_interlock_answer_until ON interlock_answer (until);
CREATE TRIGGER interlock_job_insert BEFORE INSERT ON interlock_job BEGIN
  SELECT RAISE(ABORT, 'interlock: a new job must be PENDING. Nothing was written.') WHERE NEW.status <> 'PENDING' OR NEW.event <> 'submit' OR NEW.attempt <> 0 OR NEW.failures <> 0 OR NEW.losses <> 0 OR NEW.write_seq <> 0 OR NEW.kill_unconfirmed;
  SELECT RAISE(ABORT, 'interlock: a new job must not have results, errors, a lease or a cancel. Nothing was written.') WHERE NEW.started_at IS NOT NULL OR NEW.finished_at IS NOT NULL OR NEW.worker_id IS NOT NULL OR NEW.lease_until_us IS NOT NULL OR NEW.lease_epoch IS NOT NULL OR NEW.cancel_requested_at IS NOT NULL OR NEW.cancel_requested_by IS NOT NULL OR NEW.cancel_reason IS NOT NULL OR NEW.stop_cause IS NOT NULL OR NEW.result IS NOT NULL OR NEW.error IS NOT NULL OR NEW.reason IS NOT NULL OR NEW.progress IS NOT NULL OR NEW.proof IS NOT NULL OR NEW.exit_code IS NOT NULL OR NEW.exit_signal IS NOT NULL OR NEW.write_attempt IS NOT NULL OR NEW.write_proof IS NOT NULL OR NEW.event_reason IS NOT NULL;
  SELECT RAISE(ABORT, 'interlock: the id is taken. Nothing was written.') WHERE EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.id);
  SELECT RAISE(ABORT, 'interlock: the id was used before. Nothing was written.') WHERE EXISTS (SELECT 1 FROM interlock_history WHERE job_id = NEW.id);
  SELECT RAISE(ABORT, 'interlock: the id was used before. Nothing was written.') WHERE EXISTS (SELECT 1 FROM interlock_attempt WHERE job_id = NEW.id);
  SELECT RAISE(ABORT, 'interlock: the unique_key is taken. Nothing was written.') WHERE NEW.unique_key IS NOT NULL AND EXISTS (SELECT 1 FROM interlock_job WHERE unique_key = NEW.unique_key AND status IN ('PENDING', 'RUNNING'));
  SELECT RAISE(ABORT, 'interlock: the idempotency_key is taken. Nothing was written.') WHERE NEW.idempotency_key IS NOT NULL AND EXISTS (SELECT 1 FROM interlock_job WHERE idempotency_key = NEW.idempotency_key);
END;
CREATE TRIGGER interlock_job_update BEFORE UPDATE ON interlock_job BEGIN
  SELECT RAISE(ABORT, 'interlock: a terminal job never changes. Nothing was written.') WHERE OLD.status IN ('CANCELED', 'FAILED', 'SUCCEEDED', 'TIMEOUT');
  SELECT RAISE(ABORT, 'interlock: submitted columns never change. Nothing was written.') WHERE (NEW.id IS NOT OLD.id OR NEW.name IS NOT OLD.name OR CAST(NEW.params AS TEXT) IS NOT CAST(OLD.params AS TEXT) OR NEW.queue IS NOT OLD.queue OR NEW.priority IS NOT OLD.priority OR NEW.timeout_s IS NOT OLD.timeout_s OR NEW.grace_s IS NOT OLD.grace_s OR NEW.created_at IS NOT OLD.created_at OR NEW.expires_at IS NOT OLD.expires_at OR NEW.max_attempts IS NOT OLD.max_attempts OR NEW.retry_on_timeout IS NOT OLD.retry_on_timeout OR CAST(NEW.retry AS TEXT) IS NOT CAST(OLD.retry AS TEXT) OR NEW.max_losses IS NOT OLD.max_losses OR NEW.unique_key IS NOT OLD.unique_key OR NEW.idempotency_key IS NOT OLD.idempotency_key OR NEW.submitted_by IS NOT OLD.submitted_by OR CAST(NEW.metadata AS TEXT) IS NOT CAST(OLD.metadata AS TEXT) OR NEW.rerun_of IS NOT OLD.rerun_of OR NEW.parent_id IS NOT OLD.parent_id);
  SELECT RAISE(ABORT, 'interlock: write_seq must grow by one. Nothing was written.') WHERE NEW.write_seq NOT IN (OLD.write_seq, OLD.write_seq + 1);
  SELECT RAISE(ABORT, 'interlock: illegal transition. Nothing was written.') WHERE NEW.status <> OLD.status AND NOT EXISTS (SELECT 1 FROM interlock_lifecycle AS row WHERE row.event = NEW.event AND row.source = OLD.status AND row.target = NEW.status);
  SELECT RAISE(ABORT, 'interlock: an event of a worker must carry write_attempt and the next write_seq. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event NOT IN ('cancel') AND NOT (NEW.write_seq = OLD.write_seq + 1);
  SELECT RAISE(ABORT, 'interlock: the guards of claim are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'claim' AND ((NOT EXISTS (SELECT 1 FROM interlock_queue AS halted WHERE halted.name = OLD.queue AND halted.paused)) AND ((NOT EXISTS (SELECT 1 FROM interlock_limit AS l WHERE l.key = 'name:' || OLD.name) OR EXISTS (SELECT 1 FROM interlock_slot AS s WHERE s.key = 'name:' || OLD.name AND s.job_id = OLD.id AND s.attempt = OLD.attempt + 1)))) IS NOT TRUE;
  SELECT RAISE(ABORT, 'interlock: the guards of succeed are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'succeed' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.stop_cause IS NULL) AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE;
  SELECT RAISE(ABORT, 'interlock: the guards of fail are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'fail' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.stop_cause IS NULL) AND (OLD.cancel_requested_at IS NULL) AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE;
  SELECT RAISE(ABORT, 'interlock: the guards of retry are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'retry' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.failures + 1 < OLD.max_attempts) AND (OLD.cancel_requested_at IS NULL) AND ((OLD.stop_cause IS NULL OR (OLD.stop_cause = 'TIMEOUT' AND OLD.retry_on_timeout))) AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE;
  SELECT RAISE(ABORT, 'interlock: the guards of time_out are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'time_out' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.stop_cause = 'TIMEOUT') AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE;
  SELECT RAISE(ABORT, 'interlock: the guards of finish_cancel are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'finish_cancel' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.cancel_requested_at IS NOT NULL) AND ((OLD.stop_cause IN ('CANCEL', 'SHUTDOWN') OR (OLD.stop_cause IS NULL AND (NEW.error IS NOT NULL)))) AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE;
  SELECT RAISE(ABORT, 'interlock: the guards of release are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'release' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.stop_cause = 'SHUTDOWN') AND (OLD.cancel_requested_at IS NULL) AND (NEW.write_proof IS NOT NULL)) IS NOT TRUE;
  SELECT RAISE(ABORT, 'interlock: the guards of rescue are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'rescue' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.cancel_requested_at IS NULL) AND ((OLD.stop_cause IS NULL OR OLD.stop_cause <> 'TIMEOUT')) AND (OLD.losses + 1 < OLD.max_losses)) IS NOT TRUE;
  SELECT RAISE(ABORT, 'interlock: the guards of give_up are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'give_up' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.cancel_requested_at IS NULL) AND ((OLD.stop_cause IS NULL OR OLD.stop_cause <> 'TIMEOUT')) AND (OLD.losses + 1 >= OLD.max_losses)) IS NOT TRUE;
  SELECT RAISE(ABORT, 'interlock: the guards of time_out_lost are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'time_out_lost' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.cancel_requested_at IS NULL) AND (OLD.stop_cause = 'TIMEOUT')) IS NOT TRUE;
  SELECT RAISE(ABORT, 'interlock: the guards of cancel_lost are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'cancel_lost' AND ((OLD.attempt = NEW.write_attempt) AND (OLD.cancel_requested_at IS NOT NULL)) IS NOT TRUE;
  SELECT RAISE(ABORT, 'interlock: attempt grows by one, only with its event. Nothing was written.') WHERE NEW.attempt <> OLD.attempt + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('claim') THEN 1 ELSE 0 END;
  SELECT RAISE(ABORT, 'interlock: failures grows by one, only with its event. Nothing was written.') WHERE NEW.failures <> OLD.failures + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('retry') THEN 1 ELSE 0 END;
  SELECT RAISE(ABORT, 'interlock: losses grows by one, only with its event. Nothing was written.') WHERE NEW.losses <> OLD.losses + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('give_up', 'rescue') THEN 1 ELSE 0 END;
  SELECT RAISE(ABORT, 'interlock: cancel columns change only with the event cancel or request_cancel. Nothing was written.') WHERE NEW.cancel_requested_at IS NOT OLD.cancel_requested_at AND NOT (NEW.event IN ('cancel', 'request_cancel') AND TRUE) OR (NEW.status = OLD.status AND NEW.cancel_requested_at IS NOT OLD.cancel_requested_at AND OLD.status <> 'RUNNING');
  SELECT RAISE(ABORT, 'interlock: an accepted cancel cannot be undone. Nothing was written.') WHERE OLD.cancel_requested_at IS NOT NULL AND NEW.cancel_requested_at IS NOT OLD.cancel_requested_at;
  SELECT RAISE(ABORT, 'interlock: cancel_requested_by and cancel_reason are written once. Nothing was written.') WHERE NOT (NEW.cancel_requested_at IS NOT OLD.cancel_requested_at) AND (NEW.cancel_requested_by IS NOT OLD.cancel_requested_by OR NEW.cancel_reason IS NOT OLD.cancel_reason);
  SELECT RAISE(ABORT, 'interlock: stop_cause is set only by the event stop of the current attempt. Nothing was written.') WHERE NEW.stop_cause IS NOT NULL AND OLD.stop_cause IS NULL AND NOT (NEW.event IN ('stop') AND NEW.status = OLD.status AND NEW.write_seq = OLD.write_seq + 1 AND NEW.write_attempt = OLD.attempt);
  SELECT RAISE(ABORT, 'interlock: stop_cause is set once in an attempt. Nothing was written.') WHERE OLD.stop_cause IS NOT NULL AND NEW.stop_cause IS NOT OLD.stop_cause AND NOT (NEW.status <> OLD.status AND NEW.status = 'PENDING');
  SELECT RAISE(ABORT, 'interlock: a lease changes only when its attempt is claimed, renewed or ends. Nothing was written.') WHERE NEW.status = OLD.status AND (NEW.lease_until_us IS NOT OLD.lease_until_us OR NEW.lease_epoch IS NOT OLD.lease_epoch OR NEW.worker_id IS NOT OLD.worker_id) AND NOT (NEW.event = 'renew' AND NEW.write_seq = OLD.write_seq + 1 AND NEW.write_attempt = OLD.attempt AND NEW.worker_id IS OLD.worker_id);
  SELECT RAISE(ABORT, 'interlock: started_at changes only with a claim. Nothing was written.') WHERE NEW.started_at IS NOT OLD.started_at AND NOT (NEW.status <> OLD.status AND NEW.event = 'claim');
  SELECT RAISE(ABORT, 'interlock: proof is set only when the attempt ends. Nothing was written.') WHERE NEW.proof IS NOT OLD.proof AND NOT (NEW.status <> OLD.status AND NEW.event IN ('cancel_lost', 'fail', 'finish_cancel', 'give_up', 'release', 'rescue', 'retry', 'succeed', 'time_out', 'time_out_lost'));
  SELECT RAISE(ABORT, 'interlock: results and errors are written only with an event of the engine. Nothing was written.') WHERE NOT (NEW.write_seq = OLD.write_seq + 1) AND (CAST(NEW.error AS TEXT) IS NOT CAST(OLD.error AS TEXT) OR NEW.exit_code IS NOT OLD.exit_code OR NEW.run_at IS NOT OLD.run_at) AND NOT (NEW.status <> OLD.status AND NEW.event IN ('cancel'));
  SELECT RAISE(ABORT, 'interlock: the job may still have processes (kill_unconfirmed). Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event IN ('cancel_lost', 'expire', 'give_up', 'rescue', 'time_out_lost') AND OLD.kill_unconfirmed;
  SELECT RAISE(ABORT, 'interlock: kill_unconfirmed is cleared only when the attempt ends. Nothing was written.') WHERE OLD.kill_unconfirmed AND NOT NEW.kill_unconfirmed AND NOT (NEW.status <> OLD.status);
  SELECT RAISE(ABORT, 'interlock: unknown stop_cause or proof. Nothing was written.') WHERE NEW.stop_cause NOT IN ('CANCEL', 'SHUTDOWN', 'TIMEOUT') OR NEW.proof NOT IN ('cgroup', 'group_unproven', 'inline', 'namespace', 'subreaper');
  SELECT RAISE(ABORT, 'interlock: a cancel must set cancel_requested_at. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'cancel' AND NEW.cancel_requested_at IS NULL;
  SELECT RAISE(ABORT, 'interlock: times must be integers, in microseconds since 1970. Nothing was written.') WHERE typeof(NEW.run_at) NOT IN ('integer', 'null') OR typeof(NEW.started_at) NOT IN ('integer', 'null') OR typeof(NEW.finished_at) NOT IN ('integer', 'null') OR typeof(NEW.cancel_requested_at) NOT IN ('integer', 'null') OR typeof(NEW.event_at) NOT IN ('integer', 'null');
  SELECT RAISE(ABORT, 'interlock: event columns are written only by the engine. Nothing was written.') WHERE NOT (NEW.write_seq = OLD.write_seq + 1) AND NOT (NEW.status <> OLD.status OR NEW.cancel_requested_at IS NOT OLD.cancel_requested_at) AND (CAST(NEW.error AS TEXT) IS NOT CAST(OLD.error AS TEXT) OR NEW.reason IS NOT OLD.reason OR NEW.exit_code IS NOT OLD.exit_code OR NEW.exit_signal IS NOT OLD.exit_signal OR NEW.run_at IS NOT OLD.run_at OR CAST(NEW.result AS TEXT) IS NOT CAST(OLD.result AS TEXT) OR NEW.kill_unconfirmed IS NOT OLD.kill_unconfirmed OR NEW.event IS NOT OLD.event OR NEW.event_at IS NOT OLD.event_at OR NEW.event_reason IS NOT OLD.event_reason OR NEW.actor IS NOT OLD.actor OR NEW.write_attempt IS NOT OLD.write_attempt OR NEW.write_proof IS NOT OLD.write_proof);
  SELECT RAISE(ABORT, 'interlock: row rule ''status''. Nothing was written.') WHERE NOT (NEW.status IN ('CANCELED', 'FAILED', 'PENDING', 'RUNNING', 'SUCCEEDED', 'TIMEOUT'));
  SELECT RAISE(ABORT, 'interlock: row rule ''finished''. Nothing was written.') WHERE NOT ((NEW.status IN ('CANCELED', 'FAILED', 'SUCCEEDED', 'TIMEOUT')) = (NEW.finished_at IS NOT NULL));
  SELECT RAISE(ABORT, 'interlock: row rule ''leased''. Nothing was written.') WHERE NOT ((NEW.status = 'RUNNING') = (NEW.lease_until_us IS NOT NULL AND NEW.lease_epoch IS NOT NULL));
  SELECT RAISE(ABORT, 'interlock: row rule ''owned''. Nothing was written.') WHERE NOT (NEW.status <> 'RUNNING' OR (NEW.worker_id IS NOT NULL AND NEW.started_at IS NOT NULL));
  SELECT RAISE(ABORT, 'interlock: row rule ''result''. Nothing was written.') WHERE NOT (NEW.result IS NULL OR NEW.status = 'SUCCEEDED');
  SELECT RAISE(ABORT, 'interlock: row rule ''pending''. Nothing was written.') WHERE NOT (NEW.status <> 'PENDING' OR (NEW.stop_cause IS NULL AND NEW.proof IS NULL AND NEW.lease_until_us IS NULL AND NEW.lease_epoch IS NULL));
  SELECT RAISE(ABORT, 'interlock: row rule ''counters''. Nothing was written.') WHERE NOT (NEW.attempt >= 0 AND NEW.failures >= 0 AND NEW.losses >= 0);
END;
CREATE TRIGGER interlock_job_delete BEFORE DELETE ON interlock_job BEGIN
  SELECT RAISE(ABORT, 'interlock: only terminal jobs can be deleted. Nothing was written.') WHERE OLD.status IN ('PENDING', 'RUNNING');
END;
CREATE TRIGGER interlock_history_insert BEFORE INSERT ON interlock_history BEGIN
  SELECT RAISE(ABORT, 'interlock: history is append-only. Nothing was written.') WHERE NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM interlock_history WHERE job_id = NEW.job_id);
  SELECT RAISE(ABORT, 'interlock: history is written only by changes of the job. Nothing was written.') WHERE NOT EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id AND event = NEW.event AND attempt = NEW.attempt);
  SELECT RAISE(ABORT, 'interlock: history is written only by changes of the job. Nothing was written.') WHERE NEW.target IS NOT (SELECT status FROM interlock_job WHERE id = NEW.job_id) OR NEW.source IS NOT (SELECT target FROM interlock_history WHERE job_id = NEW.job_id ORDER BY seq DESC LIMIT 1) OR NOT (NEW.source IS NULL OR NEW.source <> NEW.target OR (NEW.event = 'request_cancel' AND EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id AND cancel_requested_at IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM interlock_history WHERE job_id = NEW.job_id AND event = NEW.event)) OR (NEW.event = 'stop' AND EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id AND stop_cause IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM interlock_history WHERE job_id = NEW.job_id AND event = NEW.event AND attempt = NEW.attempt)));
END;
CREATE TRIGGER interlock_history_update BEFORE UPDATE ON interlock_history BEGIN
  SELECT RAISE(ABORT, 'interlock: history is append-only. Nothing was written.') WHERE TRUE;
END;
CREATE TRIGGER interlock_history_delete BEFORE DELETE ON interlock_history BEGIN
  SELECT RAISE(ABORT, 'interlock: records are deleted only after their job. Nothing was written.') WHERE EXISTS (SELECT 1 FROM interlock_job WHERE id = OLD.job_id);
END;
CREATE TRIGGER interlock_attempt_insert BEFORE INSERT ON interlock_attempt BEGIN
  SELECT RAISE(ABORT, 'interlock: attempts are inserted only by a claim. Nothing was written.') WHERE EXISTS (SELECT 1 FROM interlock_attempt WHERE job_id = NEW.job_id AND attempt = NEW.attempt) OR NOT EXISTS (SELECT 1 FROM interlock_job WHERE id = NEW.job_id AND attempt = NEW.attempt AND status = 'RUNNING');
END;
CREATE TRIGGER interlock_attempt_update BEFORE UPDATE ON interlock_attempt BEGIN
  SELECT RAISE(ABORT, 'interlock: job_id, attempt, worker_id and claimed_at never change. Nothing was written.') WHERE (NEW.job_id IS NOT OLD.job_id OR NEW.attempt IS NOT OLD.attempt OR NEW.worker_id IS NOT OLD.worker_id OR NEW.claimed_at IS NOT OLD.claimed_at);
  SELECT RAISE(ABORT, 'interlock: an ended attempt never changes. Nothing was written.') WHERE OLD.outcome IS NOT NULL;
  SELECT RAISE(ABORT, 'interlock: an attempt ends only with an event of its job. Nothing was written.') WHERE (NEW.outcome IS NOT OLD.outcome OR NEW.ended_at IS NOT OLD.ended_at OR NEW.exit_code IS NOT OLD.exit_code OR NEW.exit_signal IS NOT OLD.exit_signal OR NEW.proof IS NOT OLD.proof OR CAST(NEW.error AS TEXT) IS NOT CAST(OLD.error AS TEXT)) AND EXISTS (SELECT 1 FROM interlock_job WHERE id = OLD.job_id AND attempt = OLD.attempt AND status = 'RUNNING');
END;
CREATE TRIGGER interlock_attempt_delete BEFORE DELETE ON interlock_attempt BEGIN
  SELECT RAISE(ABORT, 'interlock: records are deleted only after their job. Nothing was written.') WHERE EXISTS (SELECT 1 FROM interlock_job WHERE id = OLD.job_id);
END;
CREATE TRIGGER interlock_slot_insert BEFORE INSERT ON interlock_slot BEGIN
  SELECT RAISE(ABORT, 'interlock: a slot needs a job with its key that is claimed now or runs. Nothing was written.') WHERE NOT EXISTS (SELECT 1 FROM interlock_job AS job WHERE job.id = NEW.job_id AND NEW.key = 'name:' || job.name AND (job.status = 'PENDING' AND job.attempt + 1 = NEW.attempt OR job.status = 'RUNNING' AND job.attempt = NEW.attempt));
  SELECT RAISE(ABORT, 'interlock: the limit of the key is reached. Nothing was written.') WHERE EXISTS (SELECT 1 FROM interlock_job AS job WHERE job.id = NEW.job_id AND NEW.key = 'name:' || job.name AND job.status = 'PENDING' AND job.attempt + 1 = NEW.attempt) AND NOT EXISTS (SELECT 1 FROM interlock_limit AS l WHERE l.key = NEW.key AND NEW.number >= 1 AND NEW.number + (SELECT count(*) FROM interlock_slot AS s WHERE s.key = NEW.key AND s.number > NEW.number) <= l.max_running);
  SELECT RAISE(ABORT, 'interlock: the slot is taken. Nothing was written.') WHERE EXISTS (SELECT 1 FROM interlock_slot WHERE key = NEW.key AND number = NEW.number);
END;
CREATE TRIGGER interlock_slot_update BEFORE UPDATE ON interlock_slot BEGIN
  SELECT RAISE(ABORT, 'interlock: a slot never changes. Nothing was written.') WHERE TRUE;
END;
CREATE TRIGGER interlock_slot_delete BEFORE DELETE ON interlock_slot BEGIN
  SELECT RAISE(ABORT, 'interlock: a slot is freed only when its attempt ends. Nothing was written.') WHERE EXISTS (SELECT 1 FROM interlock_job WHERE id = OLD.job_id AND status = 'RUNNING' AND attempt = OLD.attempt);
END;
CREATE TRIGGER interlock_lifecycle_insert BEFORE INSERT ON interlock_lifecycle BEGIN
  SELECT RAISE(ABORT, 'interlock: the lifecycle table is read-only. Nothing was written.') WHERE TRUE;
END;
CREATE TRIGGER interlock_lifecycle_update BEFORE UPDATE ON interlock_lifecycle BEGIN
  SELECT RAISE(ABORT, 'interlock: the lifecycle table is read-only. Nothing was written.') WHERE TRUE;
END;
CREATE TRIGGER interlock_lifecycle_delete BEFORE DELETE ON interlock_lifecycle BEGIN
  SELECT RAISE(ABORT, 'interlock: the lifecycle table is read-only. Nothing was written.') WHERE TRUE;
END;
CREATE TRIGGER interlock_job_insert_log AFTER INSERT ON interlock_job WHEN TRUE BEGIN
  INSERT INTO interlock_history (job_id, seq, event, source, target, at, actor, reason, attempt, position) VALUES (NEW.id, (SELECT coalesce(max(seq), 0) + 1 FROM interlock_history WHERE job_id = NEW.id), NEW.event, NULL, NEW.status, CASE WHEN TRUE THEN NEW.event_at ELSE CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) END, CASE WHEN TRUE THEN NEW.actor ELSE 'sql' END, CASE WHEN TRUE THEN NEW.event_reason END, NEW.attempt, (SELECT max(coalesce((SELECT max(position) FROM interlock_history), 0), coalesce((SELECT base FROM interlock_feed), 0)) + 1));
END;
CREATE TRIGGER interlock_job_update_log AFTER UPDATE ON interlock_job WHEN (NEW.status <> OLD.status) OR (NEW.cancel_requested_at IS NOT OLD.cancel_requested_at) OR (NEW.stop_cause IS NOT NULL AND OLD.stop_cause IS NULL) BEGIN
  INSERT INTO interlock_history (job_id, seq, event, source, target, at, actor, reason, attempt, position) VALUES (NEW.id, (SELECT coalesce(max(seq), 0) + 1 FROM interlock_history WHERE job_id = NEW.id), NEW.event, OLD.status, NEW.status, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.event_at ELSE CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) END, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.actor ELSE 'sql' END, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.event_reason END, NEW.attempt, (SELECT max(coalesce((SELECT max(position) FROM interlock_history), 0), coalesce((SELECT base FROM interlock_feed), 0)) + 1));
END;
CREATE TRIGGER interlock_job_claim AFTER UPDATE ON interlock_job WHEN NEW.status <> OLD.status AND NEW.event = 'claim' BEGIN
  INSERT INTO interlock_attempt (job_id, attempt, worker_id, claimed_at) VALUES (NEW.id, NEW.attempt, NEW.worker_id, NEW.started_at);
END;
CREATE TRIGGER interlock_job_leave AFTER UPDATE ON interlock_job WHEN NEW.status <> OLD.status AND OLD.status = 'RUNNING' BEGIN
  UPDATE interlock_attempt SET outcome = NEW.event, ended_at = NEW.event_at, exit_code = NEW.exit_code, exit_signal = NEW.exit_signal, proof = NEW.write_proof, error = NEW.error WHERE job_id = NEW.id AND attempt = OLD.attempt;
END;
CREATE TRIGGER interlock_job_free AFTER UPDATE ON interlock_job WHEN NEW.status <> OLD.status AND OLD.status = 'RUNNING' BEGIN
  DELETE FROM interlock_slot WHERE job_id = NEW.id;
END;
COMMIT;
