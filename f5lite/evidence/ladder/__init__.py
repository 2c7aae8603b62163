"""The ladder: the article's table on this machine, rung by rung, and what it says about every claim.

`rungs` says what is climbed, `run` climbs it, `result` holds what was found, `judging` says what that means, `table` and
`page` show it.
"""
