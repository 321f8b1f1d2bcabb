"""How each channel of the outbox is spoken: one file a system outside, `send(line, message, is_unknown=…)` in each."""
