"""Layout of a status: table, columns, notes, a monitoring plugin's verdict."""
