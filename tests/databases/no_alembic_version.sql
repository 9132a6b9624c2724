PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE container (
	id INTEGER NOT NULL,
	machine_id INTEGER NOT NULL,
	container_id VARCHAR(64) NOT NULL,
	name TEXT NOT NULL,
	image TEXT NOT NULL,
	status VARCHAR(32) NOT NULL,
	created_at INTEGER NOT NULL,
	port_range_start INTEGER,
	port_range_end INTEGER,
	metrics_port_range_start INTEGER,
	metrics_port_range_end INTEGER,
	PRIMARY KEY (id),
	FOREIGN KEY(machine_id) REFERENCES machine (id),
	UNIQUE (container_id)
);
INSERT INTO "container" VALUES(1,1,'c0ffee0000000000000000000000000000000000000000000000000000000000','antnode0013','iweave/antnode:latest','running',1795446000,55001,55200,13001,13200);
CREATE TABLE machine (
	id INTEGER NOT NULL,
	cpu_count INTEGER NOT NULL,
	node_cap INTEGER NOT NULL,
	cpu_less_than INTEGER NOT NULL,
	mem_less_than INTEGER NOT NULL,
	hd_less_than INTEGER NOT NULL,
	hdio_read_less_than INTEGER NOT NULL,
	hdio_write_less_than INTEGER NOT NULL,
	netio_read_less_than INTEGER NOT NULL,
	netio_write_less_than INTEGER NOT NULL,
	cpu_remove INTEGER NOT NULL,
	mem_remove INTEGER NOT NULL,
	hd_remove INTEGER NOT NULL,
	hdio_read_remove INTEGER NOT NULL,
	hdio_write_remove INTEGER NOT NULL,
	netio_read_remove INTEGER NOT NULL,
	netio_write_remove INTEGER NOT NULL,
	max_load_average_allowed FLOAT NOT NULL,
	desired_load_average FLOAT NOT NULL,
	delay_start INTEGER NOT NULL,
	delay_upgrade INTEGER NOT NULL,
	delay_remove INTEGER NOT NULL,
	node_storage TEXT NOT NULL,
	rewards_address TEXT NOT NULL,
	donate_address TEXT NOT NULL,
	port_start INTEGER NOT NULL,
	metrics_port_start INTEGER NOT NULL,
	last_stopped_at INTEGER NOT NULL,
	host TEXT NOT NULL,
	crisis_bytes INTEGER NOT NULL,
	environment TEXT,
	start_args TEXT,
	max_concurrent_upgrades INTEGER NOT NULL,
	max_concurrent_starts INTEGER NOT NULL,
	max_concurrent_removals INTEGER NOT NULL,
	node_removal_strategy TEXT NOT NULL,
	process_manager TEXT,
	max_node_per_container INTEGER NOT NULL,
	min_container_count INTEGER NOT NULL,
	docker_image TEXT,
	PRIMARY KEY (id)
);
INSERT INTO "machine" VALUES(1,2,40,50,60,75,0,0,0,0,70,75,90,0,0,0,0,2.0,1.2,300,300,300,'/home/op/.local/share/autonomi/node','0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a:100,donate:10,faucet:1','0x2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B',55,13,1795450000,'127.0.0.1',2000000000,'','',1,2,1,'youngest','systemd+user',200,1,'iweave/antnode:latest');
CREATE TABLE node (
	id INTEGER NOT NULL,
	machine_id INTEGER NOT NULL,
	container_id INTEGER,
	manager_type TEXT NOT NULL,
	node_name VARCHAR(10) NOT NULL,
	service TEXT NOT NULL,
	user VARCHAR(24) NOT NULL,
	binary TEXT NOT NULL,
	version TEXT,
	root_dir TEXT NOT NULL,
	port INTEGER NOT NULL,
	metrics_port INTEGER NOT NULL,
	network TEXT NOT NULL,
	wallet VARCHAR(42),
	peer_id VARCHAR(52),
	status VARCHAR(32) NOT NULL,
	timestamp INTEGER NOT NULL,
	records INTEGER NOT NULL,
	uptime INTEGER NOT NULL,
	shunned INTEGER NOT NULL,
	connected_peers INTEGER NOT NULL,
	age INTEGER NOT NULL,
	host TEXT NOT NULL,
	method TEXT NOT NULL,
	layout TEXT NOT NULL,
	environment TEXT,
	PRIMARY KEY (id),
	FOREIGN KEY(machine_id) REFERENCES machine (id),
	FOREIGN KEY(container_id) REFERENCES container (id)
);
INSERT INTO "node" VALUES(1,1,NULL,'systemd+user','0001','antnode0001.service','ant','/home/op/.local/share/autonomi/node/antnode0001/antnode','0.4.17','/home/op/.local/share/autonomi/node/antnode0001',55001,13001,'evm-arbitrum-one','0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a','12D3KooWGo1denExamp1e00001AAAAAAAAAAAAAAAAAAAAAAAAAA','RUNNING',1795450060,10,86400,1,4,1795351000,'127.0.0.1','systemd+user','1','');
INSERT INTO "node" VALUES(2,1,NULL,'systemd+user','0002','antnode0002.service','ant','/home/op/.local/share/autonomi/node/antnode0002/antnode','0.4.9','/home/op/.local/share/autonomi/node/antnode0002',55002,13002,'evm-arbitrum-one','0x2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B','12D3KooWGo1denExamp1e00002AAAAAAAAAAAAAAAAAAAAAAAAAA','RUNNING',1795450120,2048,1234567,0,120,1795352000,'127.0.0.1','systemd+user','1','');
INSERT INTO "node" VALUES(3,1,NULL,'systemd+user','0003','antnode0003.service','ant','/home/op/.local/share/autonomi/node/antnode0003/antnode','0.4.17','/home/op/.local/share/autonomi/node/antnode0003',55003,13003,'evm-arbitrum-one','0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a','','STOPPED',1795450180,0,0,0,0,1795353000,'127.0.0.1','systemd+user','1','');
INSERT INTO "node" VALUES(4,1,NULL,'systemd+user','0004','antnode0004.service','ant','/home/op/.local/share/autonomi/node/antnode0004/antnode',NULL,'/home/op/.local/share/autonomi/node/antnode0004',55004,13004,'evm-arbitrum-one',NULL,NULL,'STOPPED',1795450240,0,0,0,0,1795354000,'127.0.0.1','systemd+user','1',NULL);
INSERT INTO "node" VALUES(5,1,NULL,'systemd+user','0005','antnode0005.service','ant','/home/op/.local/share/autonomi/node/antnode0005/antnode','0.4.16','/home/op/.local/share/autonomi/node/antnode0005',55005,13005,'evm-arbitrum-one','0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a','12D3KooWGo1denExamp1e00005AAAAAAAAAAAAAAAAAAAAAAAAAA','UPGRADING',1795450300,0,5,0,1,1795355000,'127.0.0.1','systemd+user','1','');
INSERT INTO "node" VALUES(6,1,NULL,'systemd+user','0006','antnode0006.service','ant','/home/op/.local/share/autonomi/node/antnode0006/antnode','0.4.17','/home/op/.local/share/autonomi/node/antnode0006',55006,13006,'evm-arbitrum-one','0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a','','RESTARTING',1795450360,0,0,0,0,1795356000,'127.0.0.1','systemd+user','1','');
INSERT INTO "node" VALUES(7,1,NULL,'systemd+user','0007','antnode0007.service','ant','/home/op/.local/share/autonomi/node/antnode0007/antnode','0.4.17','/home/op/.local/share/autonomi/node/antnode0007',55007,13007,'evm-arbitrum-one','0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a','12D3KooWGo1denExamp1e00007AAAAAAAAAAAAAAAAAAAAAAAAAA','REMOVING',1795450420,0,0,0,0,1795357000,'127.0.0.1','systemd+user','1','');
INSERT INTO "node" VALUES(8,1,NULL,'systemd+user','0008','antnode0008.service','ant','/home/op/.local/share/autonomi/node/antnode0008/antnode','0.4.17','/home/op/.local/share/autonomi/node/antnode0008',55008,13008,'evm-arbitrum-one','0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a','','DISABLED',1795450480,0,0,0,0,1795358000,'127.0.0.1','systemd+user','1','RUST_LOG=info,ant=debug');
INSERT INTO "node" VALUES(9,1,NULL,'systemd+user','0009','antnode0009.service','ant','/home/op/.local/share/autonomi/node/antnode0009/antnode','','/home/op/.local/share/autonomi/node/antnode0009',55009,13009,'evm-arbitrum-one','0x3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c','','DEAD',1795450540,0,0,0,0,1795359000,'127.0.0.1','systemd+user','1','');
INSERT INTO "node" VALUES(10,1,NULL,'systemd+user','0010','antnode0010.service','ant','/home/op/.local/share/autonomi/node/antnode0010/antnode','0.4.17','/home/op/.local/share/autonomi/node/antnode0010',55010,13010,'evm-arbitrum-one','0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a','12D3KooWGo1denExamp1e00010AAAAAAAAAAAAAAAAAAAAAAAAAA','MIGRATING',1795450600,77,60,0,0,1795360000,'127.0.0.1','systemd+user','1','');
INSERT INTO "node" VALUES(12,1,NULL,'antctl+user','antnode12','antnode12','ant','/home/op/.local/share/autonomi/node/antnode12/antnode','0.4.17','/home/op/.local/share/autonomi/node/antnode12',55012,13012,'evm-arbitrum-one','0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a','12D3KooWGo1denExamp1e00012AAAAAAAAAAAAAAAAAAAAAAAAAA','RUNNING',1795450720,0,4000,0,33,1795362000,'127.0.0.1','antctl','1','');
INSERT INTO "node" VALUES(13,1,1,'docker','0013','antnode0013.service','ant','/home/op/.local/share/autonomi/node/antnode0013/antnode','0.4.17','/home/op/.local/share/autonomi/node/antnode0013',55013,13013,'evm-arbitrum-one','0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a','12D3KooWGo1denExamp1e00013AAAAAAAAAAAAAAAAAAAAAAAAAA','RUNNING',1795450780,5,99,0,0,1795363000,'192.168.1.20','docker','1','');
INSERT INTO "node" VALUES(100,1,NULL,'systemd','0100','antnode0100.service','op','/home/op/.local/share/autonomi/node/antnode0100/antnode','0.4.17-rc.1','/home/op/.local/share/autonomi/node/antnode0100',55100,13100,'evm-arbitrum-one','0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a','','STOPPED',1795456000,0,0,0,0,0,'127.0.0.1','systemd','1','A=1 B="two words"');
INSERT INTO "node" VALUES(10001,1,NULL,'systemd+user','10001','antnode10001.service','ant','/home/op/.local/share/autonomi/node/antnode10001/antnode','0.4.17','/home/op/.local/share/autonomi/node/antnode10001',65001,23001,'evm-arbitrum-sepolia-test','0x9F9F9F9F9F9F9F9F9F9F9F9F9F9F9F9F9F9F9F9F','12D3KooWGo1denExamp1e10001AAAAAAAAAAAAAAAAAAAAAAAAAA','RUNNING',1796050060,1,1,0,2,1805351000,'127.0.0.1','systemd+user','1','');
CREATE INDEX ix_node_timestamp ON node (timestamp);
CREATE INDEX ix_node_wallet ON node (wallet);
CREATE INDEX ix_node_records ON node (records);
CREATE INDEX ix_node_status ON node (status);
COMMIT;
