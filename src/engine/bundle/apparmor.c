/* SPDX-License-Identifier: MIT */
/* Which AppArmor profile confines a container's processes. */

#include "engine/bundle/part.h"

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "os/apparmor.h"

#include <string.h>

/* What packaging/apparmor has, and where a package puts it. */
#define DEFAULT_PROFILE "proxmox-lxcri-default"
#define DEFAULT_FILE    "/etc/apparmor.d/" DEFAULT_PROFILE

int bundle_check_apparmor(const char *profile, struct lxcri_error *err)
{
	if (!*profile || text_has_control(profile))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "AppArmor profile \"%s\" is no name",
			    profile);
	if (!apparmor_is_enabled())
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "AppArmor profile %s: this host does not use AppArmor", profile);

	int r = apparmor_has_profile(profile);

	if (r < 0)
		return fail_errno(err, r, "look for AppArmor profile %s", profile);
	if (r == 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "AppArmor profile %s is not loaded; apparmor_parser -r %s loads it",
			    profile, strcmp(profile, DEFAULT_PROFILE) == 0 ? DEFAULT_FILE : "FILE");
	return 0;
}

int bundle_add_apparmor(const struct bundle_request *request, struct json_object *process,
			struct lxcri_error *err)
{
	const char *profile = request->options->apparmor_profile;

	if (profile ? strcmp(profile, "unconfined") == 0 : request->options->privileged)
		return 0;
	if (profile) {
		if (bundle_check_apparmor(profile, err) < 0)
			return -1;
	} else {
		if (!apparmor_is_enabled())
			return 0;
		profile = DEFAULT_PROFILE;
		if (apparmor_has_profile(profile) <= 0) {
			log_warning("%s is not confined: AppArmor profile %s is not loaded; "
				    "apparmor_parser -r %s loads it",
				    request->options->id, profile, DEFAULT_FILE);
			return 0;
		}
	}
	json_set_text(process, "apparmorProfile", profile);
	return 0;
}
