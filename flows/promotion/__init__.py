"""From candidate to champion: the gate, and what the pointer will say."""
