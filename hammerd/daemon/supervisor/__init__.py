"""Steps the pairs' machines, and carries out their effects."""
