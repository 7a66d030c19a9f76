// SPDX-License-Identifier: Apache-2.0
/* The last whole checkpoint of a file, as libxl reads a saved guest. */
#pragma once

/*
 * *source is to be read: the file itself where it says all in order, else a pipe, which a thread writes to. 0, or
 * -errno and has said that there is no whole checkpoint in it.
 */
int recall_begin(const char *file, int fd, int *source);
/* After the reading: closes the pipe. Why the data read are not whole, or "" if that is not due to the file. */
const char *recall_end(void);
