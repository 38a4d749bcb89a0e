#ifndef WASL_BROKER_DISPATCH_H
#define WASL_BROKER_DISPATCH_H
/* What goes out: results of the writer become receipts, refusals and deliveries; open exchanges end by their
 * response, by their deadline or when the bus stops. Everything that is sent here is on disk. */
#include "broker/io.h"

/* One result. Frees the job. */
void dispatch_result(struct io *io, struct job *job);
/* Asks the writer to end the exchanges whose time is over. */
void dispatch_deadlines(struct io *io);
/* Wall clock of the next deadline; UINT64_MAX: none. */
uint64_t dispatch_next_deadline(const struct io *io);
/* Stopping: asks the writer to end every open exchange. */
void dispatch_interrupt_all(struct io *io);
/* BYE to every session. */
void dispatch_bye_all(struct io *io, enum refusal reason, struct bytes checkpoint);

#endif
