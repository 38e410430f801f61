/// Shares below one as they are written in the file: `15%` or `0.15`.
public enum FractionText {
    /// Reads a share; 0 to below 1.
    public static func parse(_ text: String) throws(ValueProblem) -> Double {
        let problem = ValueProblem(
            "\(SecretSigns.quoted(text)) is not a share below 100%", fix: "write it like 15% or 0.15")
        let isPercent = text.last == "%"
        let digits = isPercent ? String(text.dropLast()) : text
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
            let number = Double(digits)
        else { throw problem }
        let fraction = isPercent ? number / 100 : number
        guard (0..<1).contains(fraction) else { throw problem }
        return fraction
    }
}
