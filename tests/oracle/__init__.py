"""An independent judge of what happened: calls as Asterisk's own record (CEL) tells them. Imports nothing of ours."""
