/* SPDX-License-Identifier: MIT */
/* Where an image is outside the store. */

#include "image/place/place.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {
	[PLACE_OCI_DIR] = "oci",
	[PLACE_OCI_ARCHIVE] = "oci-archive",
	[PLACE_DOCKER_ARCHIVE] = "docker-archive",
	[PLACE_TARBALL] = "tarball",
};

const char *image_place_kind_name(enum image_place_kind kind)
{
	return kinds[kind];
}

int image_place_parse(const char *text, struct image_place *ret, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t prefix = strlen(kinds[i]);

		if (!text_starts_with(text, kinds[i]) || text[prefix] != ':')
			continue;

		const char *path = text + prefix + 1;
		size_t length = i == PLACE_TARBALL ? strlen(path) : strcspn(path, ":");

		if (length == 0)
			break;
		*ret = (struct image_place){ .kind = (enum image_place_kind)i,
					     .path = xstrndup(path, length) };
		if (path[length] == ':' && path[length + 1])
			ret->selector = xstrdup(path + length + 1);
		return 0;
	}
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "\"%s\" is not oci:DIR[:TAG], oci-archive:FILE[:TAG], "
		    "docker-archive:FILE[:REF] or tarball:FILE",
		    text);
}

void image_place_finish(struct image_place *place)
{
	free(place->path);
	free(place->selector);
	*place = (struct image_place){};
}
