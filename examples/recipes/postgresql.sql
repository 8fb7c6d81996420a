CREATE TABLE users (
  id serial PRIMARY KEY,
  username varchar(64) NOT NULL UNIQUE
);
CREATE TABLE rooms (
  id serial PRIMARY KEY,
  name varchar(64) NOT NULL,
  owner_id integer NOT NULL REFERENCES users,
  -- The lowest role that may invite.
  invite_role varchar(16) NOT NULL DEFAULT 'member'
);
CREATE TABLE memberships (
  room_id integer NOT NULL REFERENCES rooms,
  user_id integer NOT NULL REFERENCES users,
  role varchar(16) NOT NULL DEFAULT 'member', -- member, moderator, owner
  status varchar(16) NOT NULL, -- joined, invited, left, banned
  changed_by integer NOT NULL REFERENCES users,
  -- The content of the last invite, as JSON. Your own changes set it to NULL.
  invite text,
  PRIMARY KEY (room_id, user_id)
);
-- Finds the few members with a role without reading all members.
CREATE INDEX memberships_by_role ON memberships (room_id, role);
