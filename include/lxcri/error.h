/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_ERROR_H
#define LXCRI_ERROR_H

/* What can go wrong, as a value. Every function of this library that can fail takes a
 * `struct lxcri_error *` as its last parameter, which must not be NULL: it returns a value < 0 and
 * has filled the error, or it returns >= 0 and has left the error alone. The struct owns nothing;
 * it may be copied, kept on the stack and sent over a pipe. */

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What kind of failure it is; callers act on this. */
enum lxcri_error_class {
	LXCRI_CLASS_SYSTEM,      /* the operating system or a program below us failed */
	LXCRI_CLASS_INVALID,     /* what was given is malformed or refused */
	LXCRI_CLASS_NOT_FOUND,   /* the named object does not exist */
	LXCRI_CLASS_EXISTS,      /* the name is taken */
	LXCRI_CLASS_STATE,       /* the object is in a state that forbids it */
	LXCRI_CLASS_UNSUPPORTED, /* known, but not something this build or host can do */
	LXCRI_CLASS_TIMEOUT,     /* it did not happen in the time allowed */
};

/* The one table of errors: X(enumerator, name that users and scripts see, class). */
#define LXCRI_ERRORS(X)                                                 \
	X(SYSTEM, "SystemError", SYSTEM)                                \
	X(INVALID_ARGUMENT, "InvalidArgument", INVALID)                 \
	X(INVALID_CONFIG, "InvalidConfig", INVALID)                     \
	X(CONFIG_NOT_FOUND, "ConfigNotFound", NOT_FOUND)                \
	X(INVALID_JSON, "InvalidJson", INVALID)                         \
	X(INVALID_SPEC, "InvalidSpec", INVALID)                         \
	X(BUNDLE_NOT_FOUND, "BundleNotFound", NOT_FOUND)                \
	X(LIMIT_EXCEEDED, "LimitExceeded", INVALID)                     \
	X(UNSUPPORTED_OPERATION, "UnsupportedOperation", UNSUPPORTED)   \
	X(INVALID_STATE, "InvalidState", STATE)                         \
	X(NOT_PAUSED, "NotPaused", STATE)                               \
	X(ALREADY_PAUSED, "AlreadyPaused", STATE)                       \
	X(CONTAINER_NOT_FOUND, "ContainerNotFound", NOT_FOUND)          \
	X(CONTAINER_EXISTS, "ContainerAlreadyExists", EXISTS)           \
	X(CONTAINER_CREATE_FAILED, "ContainerCreateFailed", SYSTEM)     \
	X(CONTAINER_START_FAILED, "ContainerStartFailed", SYSTEM)       \
	X(CONTAINER_KILL_FAILED, "ContainerKillFailed", SYSTEM)         \
	X(CONTAINER_DELETE_FAILED, "ContainerDeleteFailed", SYSTEM)     \
	X(PATH_NOT_FOUND, "PathNotFound", NOT_FOUND)                    \
	X(COPY_FAILED, "CopyFailed", SYSTEM)                            \
	X(EXEC_FAILED, "ExecFailed", SYSTEM)                            \
	X(COMMAND_NOT_FOUND, "CommandNotFound", NOT_FOUND)              \
	X(COMMAND_NOT_EXECUTABLE, "CommandNotExecutable", INVALID)      \
	X(RUNTIME_NOT_FOUND, "RuntimeNotFound", NOT_FOUND)              \
	X(RUNTIME_INIT_FAILED, "RuntimeInitFailed", SYSTEM)             \
	X(MONITOR_LOST, "MonitorLost", SYSTEM)                          \
	X(TIMEOUT, "Timeout", TIMEOUT)                                  \
	X(INVALID_REFERENCE, "InvalidReference", INVALID)               \
	X(INVALID_DIGEST, "InvalidDigest", INVALID)                     \
	X(INVALID_MEDIA_TYPE, "InvalidMediaType", INVALID)              \
	X(INVALID_SIZE, "InvalidSize", INVALID)                         \
	X(INVALID_FORMAT, "InvalidFormat", INVALID)                     \
	X(INVALID_ANNOTATIONS, "InvalidAnnotations", INVALID)           \
	X(VALIDATION_FAILED, "ValidationFailed", INVALID)               \
	X(DEPENDENCY_ERROR, "DependencyError", INVALID)                 \
	X(LAYER_NOT_FOUND, "LayerNotFound", NOT_FOUND)                  \
	X(IMAGE_NOT_FOUND, "ImageNotFound", NOT_FOUND)                  \
	X(IMAGE_IN_USE, "ImageInUse", STATE)                            \
	X(INTEGRITY_CHECK_FAILED, "IntegrityCheckFailed", INVALID)      \
	X(EXTRACT_FAILED, "ExtractFailed", INVALID)                     \
	X(STORAGE_ERROR, "StorageError", SYSTEM)                        \
	X(ID_RANGES_EXHAUSTED, "IdRangesExhausted", SYSTEM)             \
	X(MOUNT_FAILED, "MountFailed", SYSTEM)                          \
	X(UNMOUNT_FAILED, "UnmountFailed", SYSTEM)                      \
	X(NAMESPACE_ERROR, "NamespaceError", SYSTEM)                    \
	X(INITIALIZATION_FAILED, "InitializationFailed", SYSTEM)        \
	X(GARBAGE_COLLECTION_FAILED, "GarbageCollectionFailed", SYSTEM) \
	X(ZFS_ERROR, "ZFSError", SYSTEM)                                \
	X(CONVERSION_FAILED, "ConversionFailed", SYSTEM)                \
	X(CACHE_ERROR, "CacheError", SYSTEM)                            \
	X(REFERENCE_COUNT_ERROR, "ReferenceCountError", STATE)          \
	X(DOWNLOAD_FAILED, "DownloadFailed", SYSTEM)                    \
	X(AUTHENTICATION_FAILED, "AuthenticationFailed", INVALID)       \
	X(CONFIGURATION_FAILED, "ConfigurationFailed", SYSTEM)          \
	X(PORT_FORWARDING_FAILED, "PortForwardingFailed", SYSTEM)       \
	X(DNS_CONFIGURATION_FAILED, "DNSConfigurationFailed", INVALID)  \
	X(BRIDGE_CREATION_FAILED, "BridgeCreationFailed", SYSTEM)       \
	X(BRIDGE_NOT_FOUND, "BridgeNotFound", NOT_FOUND)                \
	X(HEADLESS_SERVICE_FAILED, "HeadlessServiceFailed", SYSTEM)     \
	X(SERVICE_NOT_FOUND, "ServiceNotFound", NOT_FOUND)              \
	X(NETWORK_IDENTITY_ERROR, "NetworkIdentityError", EXISTS)       \
	X(INVALID_MANIFEST, "InvalidManifest", INVALID)                 \
	X(OBJECT_NOT_FOUND, "ObjectNotFound", NOT_FOUND)                \
	X(POD_NOT_FOUND, "PodNotFound", NOT_FOUND)                      \
	X(POD_EXISTS, "PodAlreadyExists", EXISTS)                       \
	X(POD_STILL_RUNNING, "PodStillRunning", STATE)                  \
	X(POD_CREATION_FAILED, "PodCreationFailed", SYSTEM)             \
	X(POD_START_FAILED, "PodStartFailed", SYSTEM)                   \
	X(POD_STOP_FAILED, "PodStopFailed", SYSTEM)                     \
	X(POD_DELETION_FAILED, "PodDeletionFailed", SYSTEM)             \
	X(POD_LIST_FAILED, "PodListFailed", SYSTEM)                     \
	X(NETWORK_SETUP_FAILED, "NetworkSetupFailed", SYSTEM)           \
	X(NETWORK_CLEANUP_FAILED, "NetworkCleanupFailed", SYSTEM)       \
	X(RESOURCE_UPDATE_FAILED, "ResourceUpdateFailed", SYSTEM)

enum lxcri_code {
	LXCRI_E_NONE = 0,
#define X(name_, text_, class_) LXCRI_E_##name_,
	LXCRI_ERRORS(X)
#undef X
};

/* One failure and its story: "start web-0: mount /proc: Operation not permitted". A zeroed struct
 * is no failure. */
struct lxcri_error {
	enum lxcri_code code;
	int errnum; /* a positive errno where the operating system was the cause, else 0 */
	char text[1024];
};

/* Returns the name of @code as the documentation spells it, "ContainerNotFound"; never NULL. */
const char *lxcri_code_name(enum lxcri_code code);

/* Returns the class of @code. LXCRI_E_NONE and unknown values are LXCRI_CLASS_SYSTEM. */
enum lxcri_error_class lxcri_code_class(enum lxcri_code code);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
