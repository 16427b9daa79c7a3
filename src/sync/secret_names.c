/* Which files are never pushed: large ones, and those with names that gitleaks and git-secrets look for. */
#include <fnmatch.h>
#include <string.h>

#include "sync/changes.h"

#define PUBLIC_MAX 5000000

/* Each matches one part of a path or, with a slash, two parts, in any case. */
static const char *const secret[] = { ".env*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks",
        "*.keystore", "*.keytab", "*.kdb", "*.kdbx", "*.p8", "*.ppk", "*.ovpn", "id_*", "*_rsa", "*_dsa",
        "*_ecdsa", "*_ed25519", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".npmrc", ".pypirc", ".dockercfg",
        "*passwd", "*credentials*", ".s3cfg", ".boto", "rclone.conf", ".*_history", "auth.json",
        "auth-profiles.json", "client_secret*", "secret.*", "*secrets*", "*.secret", "password*",
        "*.tfstate", "*.tfvars", "service?account*.json", "*token*", "*apikey*", "*api?key*",
        "*private?key*", "cookies.txt", "cookies.json", ".aws", ".ssh", ".gnupg", ".azure", "kubeconfig*",
        ".docker/config.json", ".kube/config", "gh/hosts.yml", "gcloud/*" };

bool changes_is_public(const char *path, uint64_t size) {
        for (const char *part = path; part; part = strchr(part, '/'), part += part != NULL)
                for (size_t i = 0; i < ELEMENTSOF(secret); i++)
                        if (fnmatch(secret[i], part, FNM_CASEFOLD | FNM_PATHNAME | FNM_LEADING_DIR) == 0)
                                return false;
        return size <= PUBLIC_MAX;
}
