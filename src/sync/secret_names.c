/* Names of files that are never pushed: what gitleaks and git-secrets look for, by the name alone. */
#include <fnmatch.h>
#include <string.h>

#include "sync/changes.h"

#define PUBLIC_MAX 5000000

/* Each part of a path is compared, in any case; a pattern with a slash with two parts. */
static const char *const secret[] = { ".env*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks",
        "*.keystore", "*.kdbx", "*.ppk", "*.ovpn", "id_*", ".netrc", "_netrc", ".pgpass", ".my.cnf",
        ".npmrc", ".pypirc", ".htpasswd", ".git-credentials", ".s3cfg", ".boto", "credentials*",
        "client_secret*", "secrets.*", "*.tfstate", "service-account*.json", "service_account*.json",
        "*token*", ".aws", ".ssh", ".gnupg", ".azure", ".secrets", ".docker/config.json", ".kube/config",
        "gcloud/*" };

static bool is_secret(const char *part, size_t one, size_t two) {
        char name[300];

        for (size_t i = 0; i < ELEMENTSOF(secret); i++) {
                (void) snprintf(name, sizeof name, "%.*s", (int) (strchr(secret[i], '/') ? two : one), part);
                if (fnmatch(secret[i], name, FNM_CASEFOLD) == 0)
                        return true;
        }
        return false;
}

bool changes_is_public(const char *path, uint64_t size) {
        for (const char *name = path; *name;) {
                size_t one = strcspn(name, "/"), two = one;

                if (name[one])
                        two += 1 + strcspn(name + one + 1, "/");
                if (is_secret(name, one, two))
                        return false;
                name += one + (name[one] == '/');
        }
        return size <= PUBLIC_MAX;
}
