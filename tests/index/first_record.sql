CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
CREATE TABLE items (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	item_id VARCHAR NOT NULL, 
	seller_id VARCHAR, 
	title VARCHAR, 
	url VARCHAR, 
	published_at VARCHAR(32), 
	extra JSON, 
	created_at VARCHAR(32) NOT NULL, 
	updated_at VARCHAR(32) NOT NULL, 
	UNIQUE (item_id)
);
CREATE INDEX ix_items_seller_id ON items (seller_id);
CREATE TABLE changes (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind VARCHAR NOT NULL, 
	item_number INTEGER NOT NULL, 
	item_id VARCHAR NOT NULL, 
	at VARCHAR(32) NOT NULL
);
CREATE TABLE photos (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	item_number INTEGER NOT NULL, 
	photo_id VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	models_version VARCHAR NOT NULL, 
	added_at VARCHAR(32) NOT NULL, 
	UNIQUE (item_number, sha256), 
	FOREIGN KEY(item_number) REFERENCES items (number) ON DELETE CASCADE
);
CREATE INDEX ix_photos_sha256 ON photos (sha256);
CREATE TABLE garments (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	photo_number INTEGER NOT NULL, 
	item_number INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	is_design BOOLEAN NOT NULL, 
	models_version VARCHAR NOT NULL, 
	category VARCHAR NOT NULL, 
	mask INTEGER NOT NULL, 
	vectors BLOB NOT NULL, 
	confidence DOUBLE NOT NULL, 
	box JSON NOT NULL, 
	regions JSON NOT NULL, 
	landmarks BLOB NOT NULL, 
	colours BLOB NOT NULL, 
	fingerprint BLOB NOT NULL, 
	mirrored_fingerprint BLOB NOT NULL, 
	mirrored_vectors BLOB NOT NULL, 
	FOREIGN KEY(photo_number) REFERENCES photos (number) ON DELETE CASCADE, 
	FOREIGN KEY(item_number) REFERENCES items (number) ON DELETE CASCADE
);
CREATE INDEX ix_garments_item_number ON garments (item_number);
CREATE INDEX ix_garments_photo_number ON garments (photo_number);
CREATE INDEX ix_garments_searched ON garments (models_version, is_design);
