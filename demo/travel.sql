-- The travel desk's database: flights, their seats, and the confirmations of what was booked.
CREATE TABLE flights (
  id          TEXT PRIMARY KEY,
  origin      TEXT NOT NULL,
  destination TEXT NOT NULL,
  day         TEXT NOT NULL,
  departs     TEXT NOT NULL,
  fare        INTEGER NOT NULL            -- whole euro
);

CREATE TABLE seats (
  id        TEXT PRIMARY KEY,
  flight    TEXT NOT NULL REFERENCES flights (id),
  seat      TEXT NOT NULL,
  status    TEXT NOT NULL DEFAULT 'free' CHECK (status IN ('free', 'reserved')),
  passenger TEXT,
  UNIQUE (flight, seat)
);

CREATE TABLE confirmations (
  id        INTEGER PRIMARY KEY,
  flight    TEXT NOT NULL REFERENCES flights (id),
  seat      TEXT NOT NULL,
  passenger TEXT NOT NULL,
  payment   TEXT NOT NULL,
  reference TEXT NOT NULL UNIQUE
);

INSERT INTO flights (id, origin, destination, day, departs, fare) VALUES
  ('OS 417', 'Lisbon', 'Oslo',   '2026-12-03', '09:40', 189),
  ('OS 902', 'Lisbon', 'Oslo',   '2026-12-03', '17:15', 142),
  ('OS 418', 'Oslo',   'Lisbon', '2026-12-10', '14:05', 176),
  ('OS 233', 'Lisbon', 'Bergen', '2026-12-03', '11:20', 204);

INSERT INTO seats (id, flight, seat) VALUES
  ('OS417-12A', 'OS 417', '12A'), ('OS417-12B', 'OS 417', '12B'), ('OS417-14C', 'OS 417', '14C'),
  ('OS902-03A', 'OS 902', '03A'), ('OS902-03B', 'OS 902', '03B'),
  ('OS418-08D', 'OS 418', '08D'),
  ('OS233-01A', 'OS 233', '01A');
