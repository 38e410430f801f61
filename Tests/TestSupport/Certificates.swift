/// A test authority and two certificates it signed, valid for a hundred years; the keys guard nothing.
public enum Certificates {
    public static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBlzCCAT2gAwIBAgIUXeqIoqBUq8oXP0IwZTCGplLcpcEwCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVUG9kaXVtIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMzIwNTA0
        NFoYDzIxMjYxMDMwMjA1MDQ0WjAgMR4wHAYDVQQDDBVQb2RpdW0gdGVzdCBhdXRo
        b3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR0+Kv24p57Lf3bg9oQThoF
        4IOpoeWmbsu2WXNnVrUNdyO810jFp64IyjZ2BjD7wNNlfD192eYmuBXXAe5NecrK
        o1MwUTAdBgNVHQ4EFgQU9b7faW+bhEx0Qr4rmG3TfzK2jIYwHwYDVR0jBBgwFoAU
        9b7faW+bhEx0Qr4rmG3TfzK2jIYwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD
        AgNIADBFAiEA6i+Hvq4Bi71MJQYrgHiELemNEITDEwWj0E6skIVJFEQCIEMZX6od
        CBmozfH7bKNZf3IsxCkDUYjfsZOUM3KRjv+O
        -----END CERTIFICATE-----
        """
    public static let localhost = """
        -----BEGIN CERTIFICATE-----
        MIIBkDCCATegAwIBAgIUPyNg5jNseUe5/aWgzFy0qmiDavwwCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVUG9kaXVtIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMzIwNTA0
        NVoYDzIxMjYxMDMwMjA1MDQ1WjAPMQ0wCwYDVQQDDARnb29kMFkwEwYHKoZIzj0C
        AQYIKoZIzj0DAQcDQgAEoDvQrgFb7z/INL05gJ/riXqHNpUnG1dVgP7MrvNSoNro
        tYlmqUNW8z1DTtzu9+nqTOLXVcQ4zBcbgQ0WqMliGaNeMFwwGgYDVR0RBBMwEYIJ
        bG9jYWxob3N0hwR/AAABMB0GA1UdDgQWBBQBHfTbb8gTkxk4K/zTnkiBbBWShDAf
        BgNVHSMEGDAWgBT1vt9pb5uETHRCviuYbdN/MraMhjAKBggqhkjOPQQDAgNHADBE
        AiA3mVPTSttWESTfvEBNpzbPOOLZ8weN8BOMF9U691JMPQIgSR3B/SjTZEtXEFRu
        V7cnnsQBdh8l0yWXHO943BT4FSQ=
        -----END CERTIFICATE-----
        """
    public static let localhostKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMV0CE4gHMQgf0MXi
        dUDiLfLBUPdAsrr3JtgdFb+jVRuhRANCAASgO9CuAVvvP8g0vTmAn+uJeoc2lScb
        V1WA/syu81Kg2ui1iWapQ1bzPUNO3O736epM4tdVxDjMFxuBDRaoyWIZ
        -----END PRIVATE KEY-----
        """
    public static let otherName = """
        -----BEGIN CERTIFICATE-----
        MIIBkTCCATagAwIBAgIUPyNg5jNseUe5/aWgzFy0qmiDav0wCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVUG9kaXVtIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMzIwNTA0
        NVoYDzIxMjYxMDMwMjA1MDQ1WjAQMQ4wDAYDVQQDDAVvdGhlcjBZMBMGByqGSM49
        AgEGCCqGSM49AwEHA0IABK9CczYsr4nwJ6LXNcpWi0xtmx4jauphPyU3AOui1vk9
        iT4RFCSX1elC8cN7oW3JMs2t+O4hJTNgpio21PKc2KmjXDBaMBgGA1UdEQQRMA+C
        DW90aGVyLmV4YW1wbGUwHQYDVR0OBBYEFGEQ4yBBy2OlTty/yEiThXhgUYKYMB8G
        A1UdIwQYMBaAFPW+32lvm4RMdEK+K5ht038ytoyGMAoGCCqGSM49BAMCA0kAMEYC
        IQC2TAC1kW/yzmGWEXVozQn8pl3FyKUuKIn3naOgZWOKgwIhAONd2N68gE7v5RFX
        cobbwu3aL/RzOKQQ2Vne981OzR4d
        -----END CERTIFICATE-----
        """
    public static let otherNameKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPrrPo/qUccx1yGjB
        leZBUpzrxJHs8XYFlnbUCbXAZOyhRANCAASvQnM2LK+J8Cei1zXKVotMbZseI2rq
        YT8lNwDrotb5PYk+ERQkl9XpQvHDe6FtyTLNrfjuISUzYKYqNtTynNip
        -----END PRIVATE KEY-----
        """
    /// Issued the two certificates below, which are out of date and not valid yet.
    public static let datesAuthority = """
        -----BEGIN CERTIFICATE-----
        MIIBuzCCAWGgAwIBAgIUNU0ttnJQYMcw0EgmsLlFgEyesDkwCgYIKoZIzj0EAwIw
        MjEPMA0GA1UECgwGUG9kaXVtMR8wHQYDVQQDDBZQb2RpdW0gZGF0ZXMgYXV0aG9y
        aXR5MCAXDTI2MTEyOTIwMDE1MFoYDzIxMjYxMTA1MjAwMTUwWjAyMQ8wDQYDVQQK
        DAZQb2RpdW0xHzAdBgNVBAMMFlBvZGl1bSBkYXRlcyBhdXRob3JpdHkwWTATBgcq
        hkjOPQIBBggqhkjOPQMBBwNCAASDPTCxVGEAcdv1yj8lC1qK89Ihbapsjpx7Mehb
        t/TC7Wo/8sWSHPWcevkQqhx6AFVWmf/zraR+iQYmmMNpNJw3o1MwUTAdBgNVHQ4E
        FgQUKUOubSqunE752tlDBbZxCptYex8wHwYDVR0jBBgwFoAUKUOubSqunE752tlD
        BbZxCptYex8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBlZujB
        UdfljvQFTnj/dnKorDU9s1vF/tVaJsGnlq4t2gIhAJbzd+JX8f/CQll4e4a083ZD
        2CMXDinnO38I3RI1+IvY
        -----END CERTIFICATE-----
        """
    /// For `localhost`, with `localhostKey`, valid until 2 March 2025, 12:00 UTC.
    public static let expired = """
        -----BEGIN CERTIFICATE-----
        MIIBjzCCATWgAwIBAgICEAEwCgYIKoZIzj0EAwIwMjEPMA0GA1UECgwGUG9kaXVt
        MR8wHQYDVQQDDBZQb2RpdW0gZGF0ZXMgYXV0aG9yaXR5MB4XDTI0MDEwMTAwMDAw
        MFoXDTI1MDMwMjEyMDAwMFowDzENMAsGA1UEAwwEZ29vZDBZMBMGByqGSM49AgEG
        CCqGSM49AwEHA0IABKA70K4BW+8/yDS9OYCf64l6hzaVJxtXVYD+zK7zUqDa6LWJ
        ZqlDVvM9Q07c7vfp6kzi11XEOMwXG4ENFqjJYhmjXjBcMBoGA1UdEQQTMBGCCWxv
        Y2FsaG9zdIcEfwAAATAdBgNVHQ4EFgQUAR3022/IE5MZOCv8055IgWwVkoQwHwYD
        VR0jBBgwFoAUKUOubSqunE752tlDBbZxCptYex8wCgYIKoZIzj0EAwIDSAAwRQIh
        AN318urkTHyB+7Kq64wBKfGJWe96J7bBZVit1Dd12beBAiAr2QYYWN7R24LNXBKE
        Rx5u7r4kW3K01KhJ3Ft0+Bcnrg==
        -----END CERTIFICATE-----
        """
    /// For `localhost`, with `localhostKey`, valid from 1 January 2120 on.
    public static let notYetValid = """
        -----BEGIN CERTIFICATE-----
        MIIBkjCCATmgAwIBAgICEAIwCgYIKoZIzj0EAwIwMjEPMA0GA1UECgwGUG9kaXVt
        MR8wHQYDVQQDDBZQb2RpdW0gZGF0ZXMgYXV0aG9yaXR5MCIYDzIxMjAwMTAxMDAw
        MDAwWhgPMjEyMTAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBGdvb2QwWTATBgcqhkjO
        PQIBBggqhkjOPQMBBwNCAASgO9CuAVvvP8g0vTmAn+uJeoc2lScbV1WA/syu81Kg
        2ui1iWapQ1bzPUNO3O736epM4tdVxDjMFxuBDRaoyWIZo14wXDAaBgNVHREEEzAR
        gglsb2NhbGhvc3SHBH8AAAEwHQYDVR0OBBYEFAEd9NtvyBOTGTgr/NOeSIFsFZKE
        MB8GA1UdIwQYMBaAFClDrm0qrpxO+drZQwW2cQqbWHsfMAoGCCqGSM49BAMCA0cA
        MEQCIFFtEN5UYkzzzdIyNB0xSQ2r9KLQsvjPnHpK36Vkbx8gAiBoAAv9faEz29/r
        GISH6lGY2/KwYEKjO4dUFq6FgtMTog==
        -----END CERTIFICATE-----
        """
    /// For `localhost`, with `localhostKey`, issued by nobody else.
    public static let selfSigned = """
        -----BEGIN CERTIFICATE-----
        MIIBnDCCAUOgAwIBAgIUfu3m4bGh0Q2wB8svjXiMk3g7S/AwCgYIKoZIzj0EAwIw
        FTETMBEGA1UEAwwKbXkgb3duIGJveDAgFw0yNjExMjkyMDAxNTFaGA8yMTI2MTEw
        NTIwMDE1MVowFTETMBEGA1UEAwwKbXkgb3duIGJveDBZMBMGByqGSM49AgEGCCqG
        SM49AwEHA0IABKA70K4BW+8/yDS9OYCf64l6hzaVJxtXVYD+zK7zUqDa6LWJZqlD
        VvM9Q07c7vfp6kzi11XEOMwXG4ENFqjJYhmjbzBtMB0GA1UdDgQWBBQBHfTbb8gT
        kxk4K/zTnkiBbBWShDAfBgNVHSMEGDAWgBQBHfTbb8gTkxk4K/zTnkiBbBWShDAP
        BgNVHRMBAf8EBTADAQH/MBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAKBggq
        hkjOPQQDAgNHADBEAiBXA/4TNJbqCsrOH5if/lc4m3NTUzzNp8NSfoZYQSzgCgIg
        GJP7w+Fncl9mSMHhlaOb07WPWzvILZn7h3ldf7vaaCA=
        -----END CERTIFICATE-----
        """
}
