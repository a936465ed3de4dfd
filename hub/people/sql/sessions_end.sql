-- sessions_end: rows = this user's other sessions and tokens, ended.
DELETE FROM session WHERE user = :user AND hash <> :keep;
