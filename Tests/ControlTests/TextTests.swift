import PureSupport
import Testing

@testable import Control

struct TextTests {
    @Test(arguments: ["plain", "a b", "ä/ö?#%", "..", "日本", ""])
    func aNameSurvivesThePath(_ name: String) {
        let encoded = PercentEncoding.encode(name)
        #expect(encoded.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") })
        #expect(PercentEncoding.decode(encoded[...]) == name)
        let whole = PercentEncoding.encode(name, whole: true)
        #expect(PercentEncoding.decode(whole[...]) == name)
        #expect(whole.isEmpty || whole.first == "%")
    }

    @Test(arguments: ["%", "%4", "%zz", "%ff", "a%c3"])
    func aBrokenEscapeIsNoName(_ text: String) {
        #expect(PercentEncoding.decode(text[...]) == nil)
    }

    @Test func anOperatorsNameCarriesNothingElse() {
        #expect(OperatorName("alice@192.0.2.7") == OperatorName("alice@192.0.2.7 and more"))
        #expect(OperatorName("alice@192.0.2.7").name == "alice")
        #expect(OperatorName("alice@fe80::1%eth0").address == "fe80::1%eth0")
        #expect(OperatorName("@192.0.2.7").name == nil)
        #expect(OperatorName("al\u{1B}[31mice").name == "al")
        #expect(OperatorName("").address == nil)
        #expect(OperatorName(String(repeating: "x", count: 1_000)).name?.count == 64)
    }
}
