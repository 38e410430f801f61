import CNcurses
import Console
import Support

/// Which characters the terminal is taken to draw and to send: what the locale says, and UTF-8 where it says nothing.
struct LocaleChoice: Equatable {
    var isUTF8: Bool
    /// Something about it that the operator should know.
    var notice: String?

    /// Sets the locale of the process.
    static func set() -> LocaleChoice {
        // Only the class for characters is set, so that a missing language for dates does not cost the characters.
        choose(
            variable: { name in getenv(name).map { String(cString: $0) } },
            set: { name in
                guard setlocale(LC_CTYPE, name) != nil else { return nil }
                return podium_locale_is_utf8() != 0
            })
    }

    /// - Parameters:
    ///   - variable: Gives a variable of the environment; nil where it is not set.
    ///   - set: Sets a locale, the environment's where its name is empty, and says whether it is of UTF-8; nil where it is not
    ///     installed.
    static func choose(variable: (String) -> String?, set: (String) -> Bool?) -> LocaleChoice {
        var named: (name: String, value: String)?
        for name in ["LC_ALL", "LC_CTYPE", "LANG"] where named == nil {
            if let value = variable(name), !value.isEmpty { named = (name, value) }
        }
        if named != nil, let isUTF8 = set("") {
            // An operator who asked for C or POSIX gets ASCII.
            return LocaleChoice(isUTF8: isUTF8)
        }
        // An operator who asked for nothing, or for a locale that is missing here, gets UTF-8 where the system
        // has it. A locale that names another coding says that the terminal has that coding, and ASCII is in all of them.
        let coding = named.flatMap { codeset(of: $0.value) }
        var isUTF8 = false
        if coding == nil || coding == "utf8" {
            isUTF8 = ["C.UTF-8", "C.utf8", "en_US.UTF-8"].contains { set($0) == true }
        }
        if !isUTF8 { _ = set("C") }
        guard let named else { return LocaleChoice(isUTF8: isUTF8) }
        let instead = isUTF8 ? "UTF-8" : "ASCII"
        let name = SafeText.clean(String(named.value.prefix(64)))
        return LocaleChoice(
            isUTF8: isUTF8, notice: "\(named.name)=\(name) is not installed here: drawing in \(instead)")
    }

    /// `utf8` of `de_DE.UTF-8@euro`; nil where none is named.
    private static func codeset(of locale: String) -> String? {
        guard let dot = locale.firstIndex(of: ".") else { return nil }
        let text = locale[locale.index(after: dot)...].prefix { $0 != "@" }
        return String(text.lowercased().filter { $0 != "-" && $0 != "_" })
    }
}
