"""The query of readers. It imports nothing, since readers are programs that can import only from this folder."""

FINGERPRINT = """
SELECT (SELECT run_id FROM runs ORDER BY run_number DESC LIMIT 1) AS run_id,
    (SELECT count(*) FROM runs),
    (SELECT memberships FROM runs ORDER BY run_number DESC LIMIT 1),
    (SELECT sum(member_count) FROM segments),
    (SELECT count(*) FROM membership),
    (SELECT bit_xor(hash(segment_id, contact_id))::VARCHAR FROM membership),
    (SELECT count(*) FROM membership_changes),
    (SELECT bit_xor(hash(run_id, as_of, segment_id, contact_id, change))::VARCHAR FROM membership_changes),
    (SELECT count(*) FROM membership_history WHERE exited_at IS NULL),
    (SELECT bit_xor(hash(segment_id, contact_id, entered_at, exited_at))::VARCHAR FROM membership_history),
    (SELECT bit_xor(hash(segment_id, status, member_count, entered, exited, run_id))::VARCHAR FROM segments)
"""
"""The result of a reader in one row; it must be the result of one run."""
