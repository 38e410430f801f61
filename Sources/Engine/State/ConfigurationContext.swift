internal import PodiumModel

/// What settings refer to outside the configuration file.
struct ConfigurationContext: Sendable {
    /// What `${NAME}` is looked up in.
    var environment: [String: String] = [:]
    /// What relative paths begin with: empty, or closed by `/`.
    var folder = ""
    /// Standard output is not a console's.
    var standardOutputIsFree = true
    /// Why a CA file cannot be used, nil where it can. Answers from what was read before: it is asked under the engine's lock
    /// and must not read.
    var authorityProblem: @Sendable (_ path: String) -> String? = { _ in nil }

    func located(_ path: String) -> String {
        path.hasPrefix("/") ? path : folder + path
    }

    /// The text with its `${NAME}` replaced.
    ///
    /// - Throws: `ValueProblem` where a variable is not set.
    func expanded(_ text: String) throws -> String {
        try SecretExpansion.expand(text, environment: environment)
    }
}

extension Engine {
    /// The folder in which relative paths of a configuration file begin: empty for the working directory, else closed
    /// by `/`.
    public static func folder(ofConfiguration path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    }
}
