"""From candidate to champion: the gate, the pointer, the way back, and asking the champion."""
