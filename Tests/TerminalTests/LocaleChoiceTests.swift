import Testing

@testable import Terminal

@Suite("Locale of the terminal")
struct LocaleChoiceTests {
    /// On a system that has these, and whether they are of UTF-8.
    private static let installed = [
        "C": false, "POSIX": false, "C.UTF-8": true, "de_DE.ISO-8859-1": false, "zh_CN.UTF-8": true,
    ]

    private func choose(_ variables: [String: String], installed: [String: Bool] = installed) -> LocaleChoice {
        LocaleChoice.choose(variable: { variables[$0] }) { name in
            guard name.isEmpty else { return installed[name] }
            let named = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { variables[$0] }.first { !$0.isEmpty }
            return installed[named ?? "C"]
        }
    }

    @Test("What is installed is taken as it is")
    func installed() {
        #expect(choose(["LANG": "zh_CN.UTF-8"]) == LocaleChoice(isUTF8: true))
        #expect(choose(["LANG": "zh_CN.UTF-8", "LC_ALL": "C"]) == LocaleChoice(isUTF8: false))
        #expect(choose(["LC_CTYPE": "de_DE.ISO-8859-1", "LANG": "zh_CN.UTF-8"]) == LocaleChoice(isUTF8: false))
    }

    @Test("Nothing asked for is UTF-8 where the system has it, without a word")
    func nothing() {
        #expect(choose([:]) == LocaleChoice(isUTF8: true))
        #expect(choose(["LC_ALL": "", "LANG": ""]) == LocaleChoice(isUTF8: true))
        #expect(choose([:], installed: ["C": false]) == LocaleChoice(isUTF8: false))
    }

    @Test(
        "What is missing is UTF-8 too, and said",
        arguments: [("LC_ALL", "de_XX.UTF-8"), ("LC_CTYPE", "en_GB.utf8@euro"), ("LANG", "xx_YY"), ("LC_ALL", "UTF-8")])
    func missing(name: String, value: String) {
        #expect(
            choose([name: value])
                == LocaleChoice(isUTF8: true, notice: "\(name)=\(value) is not installed here: drawing in UTF-8"))
        let bare = choose([name: value], installed: ["C": false])
        #expect(bare == LocaleChoice(isUTF8: false, notice: "\(name)=\(value) is not installed here: drawing in ASCII"))
    }

    @Test("What is missing and of another coding is ASCII, which all terminals have")
    func otherCoding() {
        #expect(
            choose(["LANG": "ja_JP.eucJP"])
                == LocaleChoice(isUTF8: false, notice: "LANG=ja_JP.eucJP is not installed here: drawing in ASCII"))
    }
}
