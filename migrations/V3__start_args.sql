-- What the command line of an imported node says beyond its row, so that its service can be written anew
-- without losing a word. NULL: as the settings of the colony say.

ALTER TABLE node ADD COLUMN start_args TEXT;
