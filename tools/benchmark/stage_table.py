"""Which function belongs to which stage. tests/structure checks that each of OURS is defined in bus/ or adapters/.

A sample is a chain of calls. It is walked from the thread's root inwards: every known function moves it to its own stage, until one of a CLOSED stage
is met. What happens below that belongs to it, whatever it is: the hashes and the memory that a signature needs are that signature's cost.
"""

# What is entered for its own sake: nothing looks inside.
CLOSED = {
    "verify signature": ("signature_verify",),
    "sign": ("envelope_sign",),
    "seal": ("seal", "seal_with"),
    "open": ("seal_open", "seal_open_with"),
    "verify receipt": ("receipt_check", "receipt_check_with"),
    "checkpoint signature": ("checkpoint_sign",),
    "LMDB commit, fdatasync": ("store_commit",),
    "tree and tiles": ("tree_append", "tree_dirty", "tree_root", "tree_clean"),
    "receipts": ("receipts_give",),
    "decide": ("decide", "fields_reduce"),
    "parse and scan": ("header_decode", "strict_unpack", "strict_unpack_any_enum", "signature_block_decode", "delivery_open", "entry_decode",
                       "parcel_decode", "sealed_chunks_match", "sealed_slots_match", "tlog_proof_parse"),
    "pseudonym": ("pseudonym", "daykey_get"),
    "between threads": ("queue_put", "queue_take", "queue_wait", "pipeline_pass"),
    "log and metrics": ("log_write", "metric_add", "metric_set", "metric_add_for"),
    "receive": ("link_receive", "gate_received", "gate_tick"),
    "send": ("link_send",),
    "statement": ("sql_session_run",),
}

# What leads to closed stages: it keeps what they leave over.
OPEN = {
    "loop and waiting": ("loop_run",),
    "door": ("door_take", "door_tick"),
    "judge": ("verifier",),
    "ledger put": ("write_batch", "ledger_put_message", "ledger_put_end"),
    "dispatch": ("dispatch_result", "dispatch_deadlines"),
    "session": ("session_take", "session_pump"),
    "asking": ("asks_came", "asking_take", "asking_deliver", "asking_receipt"),
    "answering": ("answering_deliver", "answering_receipt", "calls_came_back"),
    "checkpoints kept": ("trail_note", "trail_judge", "trail_flush", "trail_proof"),
    "marks and records": ("marks_begin", "marks_keep", "marks_find", "records_make"),
    "front HTTP": ("exchange_step",),
}

# Functions of libraries: they need no line in our sources.
LIBRARIES = {
    "CURVE (libzmq)": ("crypto_secretbox_detached", "crypto_secretbox_open_detached", "crypto_box_afternm", "crypto_box_open_afternm"),
    "front HTTP": ("MHD_run", "MHD_run_from_select", "MHD_resume_connection"),
    "allocation": ("malloc", "calloc", "realloc", "free", "cfree", "__libc_calloc", "__libc_malloc", "__libc_realloc", "explicit_bzero",
                   "__explicit_bzero_chk", "operator new", "operator delete"),
}

# By the beginning of a thread's name, for what no function of the tables has claimed.
THREADS = {"ZMQbg/": "I/O (libzmq)", "MHD": "HTTP threads"}

REST = "rest"

# What every exchange does. A stage of these that is never seen has moved to another function, which this table must learn.
EXPECTED = {
    "bus": ("verify signature", "checkpoint signature", "LMDB commit, fdatasync", "tree and tiles", "receipts", "decide", "parse and scan", "receive", "send"),
    "provider": ("verify signature", "verify receipt", "open", "seal", "sign", "parse and scan", "receive", "send"),
    "consumer": ("verify signature", "verify receipt", "open", "seal", "sign", "parse and scan", "receive", "send"),
}
