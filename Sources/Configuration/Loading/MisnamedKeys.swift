internal import PodiumModel

/// Names that other programs have for what Podium reads under another one. Whoever writes one of them means it: without a
/// warning a key that is not used looks as if it were.
enum MisnamedKeys {
    /// What to write instead of a key; nil for one that is nobody's name for anything.
    ///
    /// - Parameter section: as in the section's title; every endpoint is `endpoint`.
    static func advice(for key: String, in section: String) -> String? {
        let name = normalized(key)
        if let right = names[section]?.first(where: { $0.value.contains(name) })?.key { return "write \(right)" }
        // `authValue` and `AUTH-VALUE` are slips of the pen.
        if let right = known[section]?.first(where: { normalized($0) == name }), right != key {
            return "write \(right)"
        }
        guard section == "the file" else { return nil }
        for inner in ["server", "ranking", "timeouts"]
        where known[inner]?.contains(where: { normalized($0) == name }) == true {
            return "it belongs under \(inner):, indented"
        }
        return nil
    }

    private static func normalized(_ key: String) -> String { key.lowercased().filter { $0.isLetter || $0.isNumber } }

    private static let known: [String: [String]] = [
        "endpoint": EndpointField.all.map(\.key), "server": ServerSettings.table.map(\.key),
        "ranking": RankingSettings.table.map(\.key), "timeouts": TimeoutSettings.table.map(\.key),
        "the file": ["server", "ranking", "timeouts", "console", "endpoints"],
    ]

    /// By section, then by the right name; without case, blanks and signs.
    private static let names: [String: [String: Set<String>]] = [
        "endpoint": Dictionary(
            uniqueKeysWithValues: EndpointField.all.map { ($0.otherNamesAdvice, $0.otherNames) }),
        "server": [
            "host": [
                "listen", "bind", "address", "addr", "hostname", "ip", "listenaddress", "bindaddress", "interface",
            ],
            "port": ["listenport", "ports"],
            "client_tokens": [
                "token", "tokens", "key", "keys", "apikey", "apikeys", "clienttoken", "authtoken", "authtokens",
                "password",
                "auth", "secret", "clientkeys", "allowedtokens", "accesstokens", "masterkey", "clients",
            ],
            "admin_token": ["adminkey", "adminpassword", "adminsecret", "admintokens", "admin"],
            "allowed_origins": [
                "cors", "corsorigins", "origins", "alloworigins", "allowedorigin", "corsallowedorigins",
            ],
            "access_log": ["log", "logfile", "accesslogs", "requestlog"],
            "config_flush_interval": ["flushinterval", "saveinterval"], "config_max_dirty_time": ["maxdirtytime"],
            "auto_sort_endpoints": ["autosort", "sort", "autosorting"],
            "drain_timeout": ["shutdowntimeout", "graceperiod", "stoptimeout"],
        ],
        "timeouts": [
            "connect": ["connecttimeout", "connection", "connectiontimeout"],
            "tls_handshake": ["tls", "handshake", "tlstimeout"],
            "response_header": [
                "header", "headers", "read", "readtimeout", "request", "requesttimeout", "response", "timeout",
            ],
            "stream_idle": ["stream", "idle", "idletimeout", "streamtimeout"],
            "idle_connection": ["keepalive", "keepalivetimeout"],
            "check_interval": ["healthcheckinterval", "probeinterval"],
        ],
        "the file": [
            "endpoints": [
                "endpoint", "providers", "upstreams", "backends", "servers", "models", "modellist", "channels",
            ],
            "timeouts": ["timeout"], "server": ["listen", "proxy", "general", "settings"],
        ],
    ]
}
