// SPDX-License-Identifier: Apache-2.0
/* See sync.h. */
#include "tools/helper/sync.h"

#include <errno.h>
#include <string.h>

#include "tools/helper/helper.h"

/* Its line. A receiver that has failed says that instead, and waits for no more. */
static int hear(struct helper *h)
{
    char line[sizeof(SYNC_HERE)] = "";
    int error = 0;

    for (size_t size = 0; !error && size < strlen(SYNC_HERE) && (!size || line[size - 1] != '\n'); size++)
        error = helper_read(h->back, &line[size], 1);
    if (error)
        return helper_fail(h, error, "the receiver does not answer: %s",
                           error == -ENODATA ? "the connection has ended" : strerror(-error));
    return strcmp(line, SYNC_HERE) ? helper_fail(h, -ECANCELED, "the receiver does not go on") : 0;
}

int sync_unheard(struct helper *h)
{
    struct sync_record sync = { .number = h->round };
    int error;

    if (!h->stream.may_sync)
        return 0;
    error = writer_record(&h->stream, RECORD_SYNC, &(struct piece){ &sync, sizeof(sync) }, 1);
    return error ? helper_stream_fail(h, error) : 0;
}

int sync_with_receiver(struct helper *h)
{
    int error = sync_unheard(h);

    if (error || !h->stream.may_sync)
        return error;
    error = writer_flush(&h->stream);
    return error ? helper_stream_fail(h, error) : hear(h);
}
