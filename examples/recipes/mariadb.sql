CREATE TABLE users (
  id int AUTO_INCREMENT PRIMARY KEY,
  username varchar(64) NOT NULL UNIQUE
) DEFAULT CHARSET utf8mb4;
CREATE TABLE rooms (
  id int AUTO_INCREMENT PRIMARY KEY,
  name varchar(64) NOT NULL,
  owner_id int NOT NULL REFERENCES users (id),
  -- The lowest role that may invite.
  invite_role varchar(16) NOT NULL DEFAULT 'member'
) DEFAULT CHARSET utf8mb4;
CREATE TABLE memberships (
  room_id int NOT NULL REFERENCES rooms (id),
  user_id int NOT NULL REFERENCES users (id),
  role varchar(16) NOT NULL DEFAULT 'member', -- member, moderator, owner
  status varchar(16) NOT NULL, -- joined, invited, left, banned
  changed_by int NOT NULL REFERENCES users (id),
  -- The content of the last invite, as JSON. Your own changes set it to NULL.
  invite mediumtext,
  PRIMARY KEY (room_id, user_id),
  -- Finds the few members with a role without reading all members.
  INDEX (room_id, role)
) DEFAULT CHARSET utf8mb4;
