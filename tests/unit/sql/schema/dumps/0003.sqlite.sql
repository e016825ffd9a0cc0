PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE interlock_schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT interlock_schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO interlock_schema_version VALUES('0003');
CREATE TABLE attempt (
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
	error JSON, peak_memory_bytes BIGINT, cpu_seconds FLOAT, 
	CONSTRAINT pk_attempt PRIMARY KEY (job_id, attempt)
)
 WITHOUT ROWID

;
INSERT INTO attempt VALUES('failed',1,'w1',1767268800000000,7,'group',1767268800000000,1767268800000000,'fail',3,NULL,'group_unproven',NULL,1099511627776,0.5);
INSERT INTO attempt VALUES('running-1',1,'w1',1767268800000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO attempt VALUES('running-2',1,'w1',1767268800000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO attempt VALUES('running-3',1,'w1',1767268800000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO attempt VALUES('timed-out',1,'w1',1767268800000000,NULL,NULL,NULL,1767268800000000,'time_out',3,NULL,'cgroup',NULL,NULL,NULL);
INSERT INTO attempt VALUES('v-big',1,'w1',1767268800000000,NULL,NULL,NULL,1767268800000000,'succeed',3,NULL,'cgroup',NULL,NULL,NULL);
INSERT INTO attempt VALUES('v-half',1,'w1',1767268800000000,NULL,NULL,NULL,1767268800000000,'succeed',3,NULL,'cgroup',NULL,NULL,NULL);
INSERT INTO attempt VALUES('v-int',1,'w1',1767268800000000,NULL,NULL,NULL,1767268800000000,'succeed',3,NULL,'cgroup',NULL,NULL,NULL);
INSERT INTO attempt VALUES('v-list',1,'w1',1767268800000000,NULL,NULL,NULL,1767268800000000,'succeed',3,NULL,'cgroup',NULL,NULL,NULL);
INSERT INTO attempt VALUES('v-nothing',1,'w1',1767268800000000,NULL,NULL,NULL,1767268800000000,'succeed',3,NULL,'cgroup',NULL,NULL,NULL);
INSERT INTO attempt VALUES('v-text',1,'w1',1767268800000000,NULL,NULL,NULL,1767268800000000,'succeed',3,NULL,'cgroup',NULL,NULL,NULL);
INSERT INTO attempt VALUES('v-yes',1,'w1',1767268800000000,NULL,NULL,NULL,1767268800000000,'succeed',3,NULL,'cgroup',NULL,NULL,NULL);
CREATE TABLE history (
	job_id VARCHAR NOT NULL, 
	seq INTEGER NOT NULL, 
	event VARCHAR NOT NULL, 
	source VARCHAR, 
	target VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR, 
	attempt INTEGER NOT NULL, position BIGINT DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_history PRIMARY KEY (job_id, seq)
)
 WITHOUT ROWID

;
INSERT INTO history VALUES('canceled',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,29);
INSERT INTO history VALUES('canceled',2,'cancel','PENDING','CANCELED',1767268800000000,'anna','no longer needed',0,30);
INSERT INTO history VALUES('failed',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,22);
INSERT INTO history VALUES('failed',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,23);
INSERT INTO history VALUES('failed',3,'fail','RUNNING','FAILED',1767268800000000,'w1','bad_result',1,24);
INSERT INTO history VALUES('later',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,39);
INSERT INTO history VALUES('paused',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,40);
INSERT INTO history VALUES('running-1',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,31);
INSERT INTO history VALUES('running-1',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,32);
INSERT INTO history VALUES('running-2',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,33);
INSERT INTO history VALUES('running-2',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,34);
INSERT INTO history VALUES('running-3',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,35);
INSERT INTO history VALUES('running-3',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,36);
INSERT INTO history VALUES('timed-out',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,25);
INSERT INTO history VALUES('timed-out',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,26);
INSERT INTO history VALUES('timed-out',3,'stop','RUNNING','RUNNING',1767268800000000,'w1',NULL,1,27);
INSERT INTO history VALUES('timed-out',4,'time_out','RUNNING','TIMEOUT',1767268800000000,'w1','lost',1,28);
INSERT INTO history VALUES('v-big',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,13);
INSERT INTO history VALUES('v-big',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,14);
INSERT INTO history VALUES('v-big',3,'succeed','RUNNING','SUCCEEDED',1767268800000000,'w1','returned',1,15);
INSERT INTO history VALUES('v-half',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,16);
INSERT INTO history VALUES('v-half',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,17);
INSERT INTO history VALUES('v-half',3,'succeed','RUNNING','SUCCEEDED',1767268800000000,'w1','returned',1,18);
INSERT INTO history VALUES('v-int',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,19);
INSERT INTO history VALUES('v-int',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,20);
INSERT INTO history VALUES('v-int',3,'succeed','RUNNING','SUCCEEDED',1767268800000000,'w1','returned',1,21);
INSERT INTO history VALUES('v-list',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,10);
INSERT INTO history VALUES('v-list',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,11);
INSERT INTO history VALUES('v-list',3,'succeed','RUNNING','SUCCEEDED',1767268800000000,'w1','returned',1,12);
INSERT INTO history VALUES('v-nothing',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,7);
INSERT INTO history VALUES('v-nothing',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,8);
INSERT INTO history VALUES('v-nothing',3,'succeed','RUNNING','SUCCEEDED',1767268800000000,'w1','returned',1,9);
INSERT INTO history VALUES('v-text',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,1);
INSERT INTO history VALUES('v-text',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,2);
INSERT INTO history VALUES('v-text',3,'succeed','RUNNING','SUCCEEDED',1767268800000000,'w1','returned',1,3);
INSERT INTO history VALUES('v-yes',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,4);
INSERT INTO history VALUES('v-yes',2,'claim','PENDING','RUNNING',1767268800000000,'w1',NULL,1,5);
INSERT INTO history VALUES('v-yes',3,'succeed','RUNNING','SUCCEEDED',1767268800000000,'w1','returned',1,6);
INSERT INTO history VALUES('waits',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,38);
INSERT INTO history VALUES('waits-limited',1,'submit',NULL,'PENDING',1767268800000000,'client',NULL,0,37);
CREATE TABLE job (
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	queue VARCHAR NOT NULL, 
	params JSON NOT NULL, 
	priority INTEGER NOT NULL, 
	timeout_s FLOAT, 
	grace_s FLOAT NOT NULL, 
	created_at BIGINT NOT NULL, 
	run_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	max_attempts INTEGER NOT NULL, 
	retry_on_timeout BOOLEAN NOT NULL, 
	retry JSON NOT NULL, 
	max_losses INTEGER NOT NULL, 
	unique_key VARCHAR, 
	idempotency_key VARCHAR, 
	submitted_by VARCHAR, 
	metadata JSON NOT NULL, 
	rerun_of VARCHAR, 
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
	result JSON, 
	error JSON, 
	progress JSON, 
	exit_code INTEGER, 
	exit_signal INTEGER, 
	ready INTEGER NOT NULL, 
	write_seq INTEGER NOT NULL, 
	write_attempt INTEGER, 
	write_proof VARCHAR, 
	event VARCHAR NOT NULL, 
	event_at BIGINT NOT NULL, 
	event_reason VARCHAR, 
	actor VARCHAR NOT NULL, parent_id VARCHAR, 
	CONSTRAINT pk_job PRIMARY KEY (id), 
	CONSTRAINT ck_job_status CHECK (status IN ('CANCELED', 'FAILED', 'PENDING', 'RUNNING', 'SUCCEEDED', 'TIMEOUT')), 
	CONSTRAINT ck_job_leased CHECK ((status = 'RUNNING') = (lease_until_us IS NOT NULL AND lease_epoch IS NOT NULL)), 
	CONSTRAINT ck_job_owned CHECK (status <> 'RUNNING' OR (worker_id IS NOT NULL AND started_at IS NOT NULL)), 
	CONSTRAINT ck_job_result CHECK (result IS NULL OR status = 'SUCCEEDED'), 
	CONSTRAINT ck_job_pending CHECK (status <> 'PENDING' OR (stop_cause IS NULL AND proof IS NULL AND lease_until_us IS NULL AND lease_epoch IS NULL)), 
	CONSTRAINT ck_job_finished CHECK ((status IN ('CANCELED', 'FAILED', 'SUCCEEDED', 'TIMEOUT')) = (finished_at IS NOT NULL)), 
	CONSTRAINT ck_job_counters CHECK (attempt >= 0 AND failures >= 0 AND losses >= 0)
)
 WITHOUT ROWID

;
INSERT INTO job VALUES('canceled','slow','q','{}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,'CANCELED','before_start',0,0,0,NULL,1767268800000000,NULL,NULL,NULL,1767268800000000,'anna','no longer needed',NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,1,1,NULL,NULL,'cancel',1767268800000000,'no longer needed','anna',NULL);
INSERT INTO job VALUES('failed','fails','q','{}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,'FAILED','bad_result',1,0,0,1767268800000000,1767268800000000,'w1',NULL,NULL,NULL,NULL,NULL,NULL,'group_unproven',0,NULL,NULL,NULL,3,NULL,1,2,1,'group_unproven','fail',1767268800000000,'bad_result','w1',NULL);
INSERT INTO job VALUES('later','add','q','{}',0,NULL,2.0,1767268800000000,1767272400000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,'PENDING',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,0,0,NULL,NULL,'submit',1767268800000000,NULL,'client',NULL);
INSERT INTO job VALUES('paused','add','halted','{}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,'PENDING',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,1,0,NULL,NULL,'submit',1767268800000000,NULL,'client',NULL);
INSERT INTO job VALUES('running-1','limited','q','{}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,'RUNNING',NULL,1,0,0,1767268800000000,NULL,'w1',1030000000,'ac1b540b-ad6d-4073-b3e4-7342235ce7b2',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'{"phase": null, "completed": 1, "total": 2, "unit": null, "message": "half"}',NULL,NULL,1,1,1,NULL,'claim',1767268800000000,NULL,'w1',NULL);
INSERT INTO job VALUES('running-2','limited','q','{}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,'RUNNING',NULL,1,0,0,1767268800000000,NULL,'w1',1030000000,'ac1b540b-ad6d-4073-b3e4-7342235ce7b2',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,1,1,1,NULL,'claim',1767268800000000,NULL,'w1',NULL);
INSERT INTO job VALUES('running-3','limited','q','{}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,'RUNNING',NULL,1,0,0,1767268800000000,NULL,'w1',1030000000,'ac1b540b-ad6d-4073-b3e4-7342235ce7b2',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,1,1,1,NULL,'claim',1767268800000000,NULL,'w1',NULL);
INSERT INTO job VALUES('timed-out','slow','q','{}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,'TIMEOUT','lost',1,0,0,1767268800000000,1767268800000000,'w1',NULL,NULL,NULL,NULL,NULL,'TIMEOUT','cgroup',0,NULL,NULL,NULL,3,NULL,1,3,1,'cgroup','time_out',1767268800000000,'lost','w1',NULL);
INSERT INTO job VALUES('v-big','value','values','{"v": 1e+300}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{"v": 1e+300}',NULL,'SUCCEEDED','returned',1,0,0,1767268800000000,1767268800000000,'w1',NULL,NULL,NULL,NULL,NULL,NULL,'cgroup',0,1.0000000000000000047e+300,NULL,NULL,3,NULL,1,2,1,'cgroup','succeed',1767268800000000,'returned','w1',NULL);
INSERT INTO job VALUES('v-half','value','values','{"v": 0.5}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{"v": 0.5}',NULL,'SUCCEEDED','returned',1,0,0,1767268800000000,1767268800000000,'w1',NULL,NULL,NULL,NULL,NULL,NULL,'cgroup',0,0.5,NULL,NULL,3,NULL,1,2,1,'cgroup','succeed',1767268800000000,'returned','w1',NULL);
INSERT INTO job VALUES('v-int','value','values','{"v": 12}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{"v": 12}',NULL,'SUCCEEDED','returned',1,0,0,1767268800000000,1767268800000000,'w1',NULL,NULL,NULL,NULL,NULL,NULL,'cgroup',0,12,NULL,NULL,3,NULL,1,2,1,'cgroup','succeed',1767268800000000,'returned','w1',NULL);
INSERT INTO job VALUES('v-list','value','values','{"v": [1.5, "x", {"k": []}]}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{"v": [1.5, "x", {"k": []}]}',NULL,'SUCCEEDED','returned',1,0,0,1767268800000000,1767268800000000,'w1',NULL,NULL,NULL,NULL,NULL,NULL,'cgroup',0,'[1.5, "x", {"k": []}]',NULL,NULL,3,NULL,1,2,1,'cgroup','succeed',1767268800000000,'returned','w1',NULL);
INSERT INTO job VALUES('v-nothing','value','values','{"v": null}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{"v": null}',NULL,'SUCCEEDED','returned',1,0,0,1767268800000000,1767268800000000,'w1',NULL,NULL,NULL,NULL,NULL,NULL,'cgroup',0,NULL,NULL,NULL,3,NULL,1,2,1,'cgroup','succeed',1767268800000000,'returned','w1',NULL);
INSERT INTO job VALUES('v-text','value','values','{"v": "a"}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{"v": "a"}',NULL,'SUCCEEDED','returned',1,0,0,1767268800000000,1767268800000000,'w1',NULL,NULL,NULL,NULL,NULL,NULL,'cgroup',0,'"a"',NULL,NULL,3,NULL,1,2,1,'cgroup','succeed',1767268800000000,'returned','w1',NULL);
INSERT INTO job VALUES('v-yes','value','values','{"v": true}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{"v": true}',NULL,'SUCCEEDED','returned',1,0,0,1767268800000000,1767268800000000,'w1',NULL,NULL,NULL,NULL,NULL,NULL,'cgroup',0,'true',NULL,NULL,3,NULL,1,2,1,'cgroup','succeed',1767268800000000,'returned','w1',NULL);
INSERT INTO job VALUES('waits','add','q','{}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,'u','i',NULL,'{}',NULL,'PENDING',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,1,0,NULL,NULL,'submit',1767268800000000,NULL,'client',NULL);
INSERT INTO job VALUES('waits-limited','limited','q','{}',0,NULL,2.0,1767268800000000,1767268800000000,NULL,1,0,'{"max_attempts": 1, "on": null, "never_on": [], "backoff": 1.0, "max_backoff": 300.0, "on_timeout": false}',5,NULL,NULL,NULL,'{}',NULL,'PENDING',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,1,0,NULL,NULL,'submit',1767268800000000,NULL,'client',NULL);
CREATE TABLE job_name (
	name VARCHAR NOT NULL, 
	max_running INTEGER NOT NULL, 
	CONSTRAINT pk_job_name PRIMARY KEY (name)
);
INSERT INTO job_name VALUES('limited',2);
CREATE TABLE lifecycle (
	event VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	target VARCHAR NOT NULL, 
	who VARCHAR NOT NULL, 
	CONSTRAINT pk_lifecycle PRIMARY KEY (event)
);
INSERT INTO lifecycle VALUES('claim','PENDING','RUNNING','worker');
INSERT INTO lifecycle VALUES('cancel','PENDING','CANCELED','client');
INSERT INTO lifecycle VALUES('expire','PENDING','CANCELED','reaper');
INSERT INTO lifecycle VALUES('succeed','RUNNING','SUCCEEDED','worker');
INSERT INTO lifecycle VALUES('fail','RUNNING','FAILED','worker');
INSERT INTO lifecycle VALUES('retry','RUNNING','PENDING','worker');
INSERT INTO lifecycle VALUES('time_out','RUNNING','TIMEOUT','worker');
INSERT INTO lifecycle VALUES('finish_cancel','RUNNING','CANCELED','worker');
INSERT INTO lifecycle VALUES('release','RUNNING','PENDING','worker');
INSERT INTO lifecycle VALUES('rescue','RUNNING','PENDING','reaper');
INSERT INTO lifecycle VALUES('give_up','RUNNING','FAILED','reaper');
INSERT INTO lifecycle VALUES('time_out_lost','RUNNING','TIMEOUT','reaper');
INSERT INTO lifecycle VALUES('cancel_lost','RUNNING','CANCELED','reaper');
CREATE TABLE log (
	seq INTEGER NOT NULL, 
	job_id VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	stream VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	CONSTRAINT pk_log PRIMARY KEY (seq)
);
INSERT INTO log VALUES(1,'failed',1,1767268800000000,'stdout','hello');
CREATE TABLE queue (
	name VARCHAR NOT NULL, 
	paused BOOLEAN NOT NULL, 
	CONSTRAINT pk_queue PRIMARY KEY (name)
);
INSERT INTO queue VALUES('halted',1);
CREATE TABLE rejection (
	id INTEGER NOT NULL, 
	job_id VARCHAR NOT NULL, 
	event VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	actor VARCHAR NOT NULL, 
	attempt INTEGER, 
	why VARCHAR NOT NULL, 
	CONSTRAINT pk_rejection PRIMARY KEY (id)
);
CREATE TABLE worker (
	id VARCHAR NOT NULL, 
	host VARCHAR NOT NULL, 
	pid INTEGER NOT NULL, 
	boot_id VARCHAR NOT NULL, 
	containment VARCHAR NOT NULL, 
	concurrency INTEGER NOT NULL, 
	queues JSON, 
	started_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	domain VARCHAR, lease_s FLOAT, jobs JSON, 
	CONSTRAINT pk_worker PRIMARY KEY (id)
);
CREATE TABLE answer (
	"key" VARCHAR NOT NULL, 
	request VARCHAR NOT NULL, 
	text VARCHAR, 
	until BIGINT NOT NULL, 
	CONSTRAINT pk_answer PRIMARY KEY ("key")
);
CREATE INDEX ix_job_claim ON job (queue, name, priority DESC, id) WHERE status = 'PENDING' AND ready = 1;
CREATE INDEX ix_job_due ON job (run_at) WHERE status = 'PENDING' AND ready = 0;
CREATE INDEX ix_job_expiry ON job (expires_at) WHERE status = 'PENDING' AND expires_at IS NOT NULL;
CREATE INDEX ix_job_finished ON job (finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX ix_job_name ON job (name, id);
CREATE INDEX ix_job_running ON job (name, worker_id) WHERE status = 'RUNNING';
CREATE INDEX ix_job_status ON job (status, id);
CREATE UNIQUE INDEX uq_job_idempotency_key ON job (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX uq_job_unique_key ON job (unique_key) WHERE unique_key IS NOT NULL AND status IN ('PENDING', 'RUNNING');
CREATE INDEX ix_log_job_id_seq ON log (job_id, seq);
CREATE INDEX ix_rejection_job_id ON rejection (job_id);
CREATE INDEX ix_history_feed ON history (position, job_id, seq);
CREATE INDEX ix_answer_until ON answer (until);
CREATE TRIGGER interlock_job_insert BEFORE INSERT ON job BEGIN
  SELECT RAISE(ABORT, 'interlock: a job is born PENDING. Nothing was written.') WHERE NEW.status <> 'PENDING' OR NEW.event <> 'submit' OR NEW.attempt <> 0 OR NEW.failures <> 0 OR NEW.losses <> 0 OR NEW.write_seq <> 0 OR NEW.kill_unconfirmed;
  SELECT RAISE(ABORT, 'interlock: a new job has no past. Nothing was written.') WHERE NEW.started_at IS NOT NULL OR NEW.finished_at IS NOT NULL OR NEW.worker_id IS NOT NULL OR NEW.lease_until_us IS NOT NULL OR NEW.lease_epoch IS NOT NULL OR NEW.cancel_requested_at IS NOT NULL OR NEW.cancel_requested_by IS NOT NULL OR NEW.cancel_reason IS NOT NULL OR NEW.stop_cause IS NOT NULL OR NEW.result IS NOT NULL OR NEW.error IS NOT NULL OR NEW.reason IS NOT NULL OR NEW.progress IS NOT NULL OR NEW.proof IS NOT NULL OR NEW.exit_code IS NOT NULL OR NEW.exit_signal IS NOT NULL OR NEW.write_attempt IS NOT NULL OR NEW.write_proof IS NOT NULL OR NEW.event_reason IS NOT NULL;
  SELECT RAISE(ABORT, 'interlock: the id is taken. Nothing was written.') WHERE EXISTS (SELECT 1 FROM job WHERE id = NEW.id);
  SELECT RAISE(ABORT, 'interlock: the id was used before. Nothing was written.') WHERE EXISTS (SELECT 1 FROM history WHERE job_id = NEW.id);
  SELECT RAISE(ABORT, 'interlock: the id was used before. Nothing was written.') WHERE EXISTS (SELECT 1 FROM attempt WHERE job_id = NEW.id);
  SELECT RAISE(ABORT, 'interlock: the unique_key is taken. Nothing was written.') WHERE NEW.unique_key IS NOT NULL AND EXISTS (SELECT 1 FROM job WHERE unique_key = NEW.unique_key AND status IN ('PENDING', 'RUNNING'));
  SELECT RAISE(ABORT, 'interlock: the idempotency_key is taken. Nothing was written.') WHERE NEW.idempotency_key IS NOT NULL AND EXISTS (SELECT 1 FROM job WHERE idempotency_key = NEW.idempotency_key);
END;
CREATE TRIGGER interlock_job_update BEFORE UPDATE ON job BEGIN
  SELECT RAISE(ABORT, 'interlock: a terminal job never changes. Nothing was written.') WHERE OLD.status IN ('CANCELED', 'FAILED', 'SUCCEEDED', 'TIMEOUT');
  SELECT RAISE(ABORT, 'interlock: what was submitted never changes. Nothing was written.') WHERE (NEW.id IS NOT OLD.id OR NEW.name IS NOT OLD.name OR NEW.params IS NOT OLD.params OR NEW.queue IS NOT OLD.queue OR NEW.priority IS NOT OLD.priority OR NEW.timeout_s IS NOT OLD.timeout_s OR NEW.grace_s IS NOT OLD.grace_s OR NEW.created_at IS NOT OLD.created_at OR NEW.expires_at IS NOT OLD.expires_at OR NEW.max_attempts IS NOT OLD.max_attempts OR NEW.retry_on_timeout IS NOT OLD.retry_on_timeout OR NEW.retry IS NOT OLD.retry OR NEW.max_losses IS NOT OLD.max_losses OR NEW.unique_key IS NOT OLD.unique_key OR NEW.idempotency_key IS NOT OLD.idempotency_key OR NEW.submitted_by IS NOT OLD.submitted_by OR NEW.metadata IS NOT OLD.metadata OR NEW.rerun_of IS NOT OLD.rerun_of OR NEW.parent_id IS NOT OLD.parent_id);
  SELECT RAISE(ABORT, 'interlock: write_seq moves by one. Nothing was written.') WHERE NEW.write_seq NOT IN (OLD.write_seq, OLD.write_seq + 1);
  SELECT RAISE(ABORT, 'interlock: illegal transition. Nothing was written.') WHERE NEW.status <> OLD.status AND NOT EXISTS (SELECT 1 FROM lifecycle AS row WHERE row.event = NEW.event AND row.source = OLD.status AND row.target = NEW.status);
  SELECT RAISE(ABORT, 'interlock: a worker''s event needs the token of its attempt. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event NOT IN ('cancel') AND NOT (NEW.write_seq = OLD.write_seq + 1);
  SELECT RAISE(ABORT, 'interlock: the guards of claim are not met. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'claim' AND ((NOT EXISTS (SELECT 1 FROM queue WHERE queue.name = OLD.queue AND queue.paused)) AND (NOT EXISTS (SELECT 1 FROM job_name WHERE job_name.name = OLD.name AND job_name.max_running <= (SELECT count(*) FROM job AS peer WHERE peer.status = 'RUNNING' AND peer.name = OLD.name)))) IS NOT TRUE;
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
  SELECT RAISE(ABORT, 'interlock: attempt moves by one, with its event. Nothing was written.') WHERE NEW.attempt <> OLD.attempt + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('claim') THEN 1 ELSE 0 END;
  SELECT RAISE(ABORT, 'interlock: failures moves by one, with its event. Nothing was written.') WHERE NEW.failures <> OLD.failures + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('retry') THEN 1 ELSE 0 END;
  SELECT RAISE(ABORT, 'interlock: losses moves by one, with its event. Nothing was written.') WHERE NEW.losses <> OLD.losses + CASE WHEN NEW.status <> OLD.status AND NEW.event IN ('give_up', 'rescue') THEN 1 ELSE 0 END;
  SELECT RAISE(ABORT, 'interlock: a cancel is requested by its event. Nothing was written.') WHERE NEW.cancel_requested_at IS NOT OLD.cancel_requested_at AND NOT (NEW.event IN ('cancel', 'request_cancel') AND TRUE) OR (NEW.status = OLD.status AND NEW.cancel_requested_at IS NOT OLD.cancel_requested_at AND OLD.status <> 'RUNNING');
  SELECT RAISE(ABORT, 'interlock: an accepted cancel stays. Nothing was written.') WHERE OLD.cancel_requested_at IS NOT NULL AND NEW.cancel_requested_at IS NOT OLD.cancel_requested_at;
  SELECT RAISE(ABORT, 'interlock: who canceled and why is written once. Nothing was written.') WHERE NOT (NEW.cancel_requested_at IS NOT OLD.cancel_requested_at) AND (NEW.cancel_requested_by IS NOT OLD.cancel_requested_by OR NEW.cancel_reason IS NOT OLD.cancel_reason);
  SELECT RAISE(ABORT, 'interlock: stop_cause is set by the attempt''s stop. Nothing was written.') WHERE NEW.stop_cause IS NOT NULL AND OLD.stop_cause IS NULL AND NOT (NEW.event IN ('stop') AND NEW.status = OLD.status AND NEW.write_seq = OLD.write_seq + 1 AND NEW.write_attempt = OLD.attempt);
  SELECT RAISE(ABORT, 'interlock: stop_cause is set once an attempt. Nothing was written.') WHERE OLD.stop_cause IS NOT NULL AND NEW.stop_cause IS NOT OLD.stop_cause AND NOT (NEW.status <> OLD.status AND NEW.status = 'PENDING');
  SELECT RAISE(ABORT, 'interlock: a lease moves only by its attempt''s renewal. Nothing was written.') WHERE NEW.status = OLD.status AND (NEW.lease_until_us IS NOT OLD.lease_until_us OR NEW.lease_epoch IS NOT OLD.lease_epoch OR NEW.worker_id IS NOT OLD.worker_id) AND NOT (NEW.event = 'renew' AND NEW.write_seq = OLD.write_seq + 1 AND NEW.write_attempt = OLD.attempt AND NEW.worker_id IS OLD.worker_id);
  SELECT RAISE(ABORT, 'interlock: started_at moves only with a claim. Nothing was written.') WHERE NEW.started_at IS NOT OLD.started_at AND NOT (NEW.status <> OLD.status AND NEW.event = 'claim');
  SELECT RAISE(ABORT, 'interlock: a proof comes with the end of its attempt. Nothing was written.') WHERE NEW.proof IS NOT OLD.proof AND NOT (NEW.status <> OLD.status AND NEW.event IN ('cancel_lost', 'fail', 'finish_cancel', 'give_up', 'release', 'rescue', 'retry', 'succeed', 'time_out', 'time_out_lost'));
  SELECT RAISE(ABORT, 'interlock: an outcome is written by the engine. Nothing was written.') WHERE NOT (NEW.write_seq = OLD.write_seq + 1) AND (NEW.error IS NOT OLD.error OR NEW.exit_code IS NOT OLD.exit_code OR NEW.run_at IS NOT OLD.run_at) AND NOT (NEW.status <> OLD.status AND NEW.event IN ('cancel'));
  SELECT RAISE(ABORT, 'interlock: the death of the attempt is not confirmed. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event IN ('cancel_lost', 'expire', 'give_up', 'rescue', 'time_out_lost') AND OLD.kill_unconfirmed;
  SELECT RAISE(ABORT, 'interlock: an unconfirmed kill stays until the attempt ends. Nothing was written.') WHERE OLD.kill_unconfirmed AND NOT NEW.kill_unconfirmed AND NOT (NEW.status <> OLD.status);
  SELECT RAISE(ABORT, 'interlock: there is no such stop_cause or proof. Nothing was written.') WHERE NEW.stop_cause NOT IN ('CANCEL', 'SHUTDOWN', 'TIMEOUT') OR NEW.proof NOT IN ('cgroup', 'group_unproven', 'inline', 'namespace', 'subreaper');
  SELECT RAISE(ABORT, 'interlock: a cancel says when. Nothing was written.') WHERE NEW.status <> OLD.status AND NEW.event = 'cancel' AND NEW.cancel_requested_at IS NULL;
  SELECT RAISE(ABORT, 'interlock: times are microseconds since 1970. Nothing was written.') WHERE typeof(NEW.run_at) NOT IN ('integer', 'null') OR typeof(NEW.started_at) NOT IN ('integer', 'null') OR typeof(NEW.finished_at) NOT IN ('integer', 'null') OR typeof(NEW.cancel_requested_at) NOT IN ('integer', 'null') OR typeof(NEW.event_at) NOT IN ('integer', 'null');
  SELECT RAISE(ABORT, 'interlock: an event is written by the engine. Nothing was written.') WHERE NOT (NEW.write_seq = OLD.write_seq + 1) AND NOT (NEW.status <> OLD.status OR NEW.cancel_requested_at IS NOT OLD.cancel_requested_at) AND (NEW.error IS NOT OLD.error OR NEW.reason IS NOT OLD.reason OR NEW.exit_code IS NOT OLD.exit_code OR NEW.exit_signal IS NOT OLD.exit_signal OR NEW.run_at IS NOT OLD.run_at OR NEW.result IS NOT OLD.result OR NEW.kill_unconfirmed IS NOT OLD.kill_unconfirmed OR NEW.event IS NOT OLD.event OR NEW.event_at IS NOT OLD.event_at OR NEW.event_reason IS NOT OLD.event_reason OR NEW.actor IS NOT OLD.actor OR NEW.write_attempt IS NOT OLD.write_attempt OR NEW.write_proof IS NOT OLD.write_proof);
  SELECT RAISE(ABORT, 'interlock: row rule ''status''. Nothing was written.') WHERE NOT (NEW.status IN ('CANCELED', 'FAILED', 'PENDING', 'RUNNING', 'SUCCEEDED', 'TIMEOUT'));
  SELECT RAISE(ABORT, 'interlock: row rule ''finished''. Nothing was written.') WHERE NOT ((NEW.status IN ('CANCELED', 'FAILED', 'SUCCEEDED', 'TIMEOUT')) = (NEW.finished_at IS NOT NULL));
  SELECT RAISE(ABORT, 'interlock: row rule ''leased''. Nothing was written.') WHERE NOT ((NEW.status = 'RUNNING') = (NEW.lease_until_us IS NOT NULL AND NEW.lease_epoch IS NOT NULL));
  SELECT RAISE(ABORT, 'interlock: row rule ''owned''. Nothing was written.') WHERE NOT (NEW.status <> 'RUNNING' OR (NEW.worker_id IS NOT NULL AND NEW.started_at IS NOT NULL));
  SELECT RAISE(ABORT, 'interlock: row rule ''result''. Nothing was written.') WHERE NOT (NEW.result IS NULL OR NEW.status = 'SUCCEEDED');
  SELECT RAISE(ABORT, 'interlock: row rule ''pending''. Nothing was written.') WHERE NOT (NEW.status <> 'PENDING' OR (NEW.stop_cause IS NULL AND NEW.proof IS NULL AND NEW.lease_until_us IS NULL AND NEW.lease_epoch IS NULL));
  SELECT RAISE(ABORT, 'interlock: row rule ''counters''. Nothing was written.') WHERE NOT (NEW.attempt >= 0 AND NEW.failures >= 0 AND NEW.losses >= 0);
END;
CREATE TRIGGER interlock_job_delete BEFORE DELETE ON job BEGIN
  SELECT RAISE(ABORT, 'interlock: only terminal jobs can be deleted. Nothing was written.') WHERE OLD.status IN ('PENDING', 'RUNNING');
END;
CREATE TRIGGER interlock_history_insert BEFORE INSERT ON history BEGIN
  SELECT RAISE(ABORT, 'interlock: history is append-only. Nothing was written.') WHERE NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM history WHERE job_id = NEW.job_id);
  SELECT RAISE(ABORT, 'interlock: history is written by the job''s own changes. Nothing was written.') WHERE NOT EXISTS (SELECT 1 FROM job WHERE id = NEW.job_id AND event = NEW.event AND attempt = NEW.attempt);
  SELECT RAISE(ABORT, 'interlock: history is written by the job''s own changes. Nothing was written.') WHERE NEW.target IS NOT (SELECT status FROM job WHERE id = NEW.job_id) OR NEW.source IS NOT (SELECT target FROM history WHERE job_id = NEW.job_id ORDER BY seq DESC LIMIT 1) OR NOT (NEW.source IS NULL OR NEW.source <> NEW.target OR (NEW.event = 'request_cancel' AND EXISTS (SELECT 1 FROM job WHERE id = NEW.job_id AND cancel_requested_at IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM history WHERE job_id = NEW.job_id AND event = NEW.event)) OR (NEW.event = 'stop' AND EXISTS (SELECT 1 FROM job WHERE id = NEW.job_id AND stop_cause IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM history WHERE job_id = NEW.job_id AND event = NEW.event AND attempt = NEW.attempt)));
END;
CREATE TRIGGER interlock_history_update BEFORE UPDATE ON history BEGIN
  SELECT RAISE(ABORT, 'interlock: history is append-only. Nothing was written.') WHERE TRUE;
END;
CREATE TRIGGER interlock_history_delete BEFORE DELETE ON history BEGIN
  SELECT RAISE(ABORT, 'interlock: records of a job go with the job. Nothing was written.') WHERE EXISTS (SELECT 1 FROM job WHERE id = OLD.job_id);
END;
CREATE TRIGGER interlock_attempt_insert BEFORE INSERT ON attempt BEGIN
  SELECT RAISE(ABORT, 'interlock: claims make attempts. Nothing was written.') WHERE EXISTS (SELECT 1 FROM attempt WHERE job_id = NEW.job_id AND attempt = NEW.attempt) OR NOT EXISTS (SELECT 1 FROM job WHERE id = NEW.job_id AND attempt = NEW.attempt AND status = 'RUNNING');
END;
CREATE TRIGGER interlock_attempt_update BEFORE UPDATE ON attempt BEGIN
  SELECT RAISE(ABORT, 'interlock: an attempt stays. Nothing was written.') WHERE (NEW.job_id IS NOT OLD.job_id OR NEW.attempt IS NOT OLD.attempt OR NEW.worker_id IS NOT OLD.worker_id OR NEW.claimed_at IS NOT OLD.claimed_at);
  SELECT RAISE(ABORT, 'interlock: an ended attempt never changes. Nothing was written.') WHERE OLD.outcome IS NOT NULL;
  SELECT RAISE(ABORT, 'interlock: an attempt ends with its job''s event. Nothing was written.') WHERE (NEW.outcome IS NOT OLD.outcome OR NEW.ended_at IS NOT OLD.ended_at OR NEW.exit_code IS NOT OLD.exit_code OR NEW.exit_signal IS NOT OLD.exit_signal OR NEW.proof IS NOT OLD.proof OR NEW.error IS NOT OLD.error) AND EXISTS (SELECT 1 FROM job WHERE id = OLD.job_id AND attempt = OLD.attempt AND status = 'RUNNING');
END;
CREATE TRIGGER interlock_attempt_delete BEFORE DELETE ON attempt BEGIN
  SELECT RAISE(ABORT, 'interlock: records of a job go with the job. Nothing was written.') WHERE EXISTS (SELECT 1 FROM job WHERE id = OLD.job_id);
END;
CREATE TRIGGER interlock_lifecycle_insert BEFORE INSERT ON lifecycle BEGIN
  SELECT RAISE(ABORT, 'interlock: the lifecycle table is sealed. Nothing was written.') WHERE TRUE;
END;
CREATE TRIGGER interlock_lifecycle_update BEFORE UPDATE ON lifecycle BEGIN
  SELECT RAISE(ABORT, 'interlock: the lifecycle table is sealed. Nothing was written.') WHERE TRUE;
END;
CREATE TRIGGER interlock_lifecycle_delete BEFORE DELETE ON lifecycle BEGIN
  SELECT RAISE(ABORT, 'interlock: the lifecycle table is sealed. Nothing was written.') WHERE TRUE;
END;
CREATE TRIGGER interlock_job_insert_log AFTER INSERT ON job WHEN TRUE BEGIN
  INSERT INTO history (job_id, seq, event, source, target, at, actor, reason, attempt, position) VALUES (NEW.id, (SELECT coalesce(max(seq), 0) + 1 FROM history WHERE job_id = NEW.id), NEW.event, NULL, NEW.status, CASE WHEN TRUE THEN NEW.event_at ELSE CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) END, CASE WHEN TRUE THEN NEW.actor ELSE 'sql' END, CASE WHEN TRUE THEN NEW.event_reason END, NEW.attempt, (SELECT coalesce(max(position), 0) + 1 FROM history));
END;
CREATE TRIGGER interlock_job_update_log AFTER UPDATE ON job WHEN (NEW.status <> OLD.status) OR (NEW.cancel_requested_at IS NOT OLD.cancel_requested_at) OR (NEW.stop_cause IS NOT NULL AND OLD.stop_cause IS NULL) BEGIN
  INSERT INTO history (job_id, seq, event, source, target, at, actor, reason, attempt, position) VALUES (NEW.id, (SELECT coalesce(max(seq), 0) + 1 FROM history WHERE job_id = NEW.id), NEW.event, OLD.status, NEW.status, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.event_at ELSE CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) END, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.actor ELSE 'sql' END, CASE WHEN NEW.write_seq = OLD.write_seq + 1 THEN NEW.event_reason END, NEW.attempt, (SELECT coalesce(max(position), 0) + 1 FROM history));
END;
CREATE TRIGGER interlock_job_claim AFTER UPDATE ON job WHEN NEW.status <> OLD.status AND NEW.event = 'claim' BEGIN
  INSERT INTO attempt (job_id, attempt, worker_id, claimed_at) VALUES (NEW.id, NEW.attempt, NEW.worker_id, NEW.started_at);
END;
CREATE TRIGGER interlock_job_leave AFTER UPDATE ON job WHEN NEW.status <> OLD.status AND OLD.status = 'RUNNING' BEGIN
  UPDATE attempt SET outcome = NEW.event, ended_at = NEW.event_at, exit_code = NEW.exit_code, exit_signal = NEW.exit_signal, proof = NEW.write_proof, error = NEW.error WHERE job_id = NEW.id AND attempt = OLD.attempt;
END;
COMMIT;
