/* SPDX-License-Identifier: MIT */
#pragma once

/* What the command and lxcri-proxmox say to each other on a pair of sockets. Each message has one
 * descriptor of a file in memory: of a request, JSON with the members below, and behind it perhaps
 * the file to upload; of an answer, the bytes that the server sent as its body. The bytes of an
 * answer's message are JSON too. The first message says where the server is, and is not answered.
 */

#include <stddef.h>

/* Of the first message. */
#define PROXMOX_HOSTS       "hosts" /* "NAME", "NAME:PORT" */
#define PROXMOX_PORT        "port"
#define PROXMOX_TOKEN       "token" /* or: */
#define PROXMOX_USER        "user"
#define PROXMOX_PASSWORD    "password"
#define PROXMOX_VERIFY      "verify"
#define PROXMOX_FINGERPRINT "fingerprint"
#define PROXMOX_CA          "ca"
#define PROXMOX_TIMEOUT     "timeout"

/* Of a request. */
#define PROXMOX_METHOD "method"
#define PROXMOX_PATH   "path" /* escaped, below /api2/json */
#define PROXMOX_PARAMS "params"
#define PROXMOX_UPLOAD "upload" /* what the file is called there */

/* Of an answer: either these, */
#define PROXMOX_HOST   "host"
#define PROXMOX_STATUS "status"
#define PROXMOX_REASON "reason"
/* or, where there was none: */
#define PROXMOX_CODE "code"
#define PROXMOX_TEXT "text"
/* whether the server can have seen the request */
#define PROXMOX_SENT "sent"

#define PROXMOX_HEAD_BYTES_MAX ((size_t)16 << 10)
/* More the server does not take. */
#define PROXMOX_REQUEST_BYTES_MAX ((size_t)512 << 10)
/* A cluster's resources, or the content of a large storage, are about a mebibyte. */
#define PROXMOX_BODY_BYTES_MAX ((size_t)16 << 20)
